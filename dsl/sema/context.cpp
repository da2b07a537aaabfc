#include "dsl/sema/context.h"

#include <fmt/format.h>

#include <utility>

#include "vm/suggest.h"

namespace bitloom::dsl::sema {
namespace {

constexpr std::size_t kMostStatements = 50'000;  // after inlining and unrolling
constexpr std::size_t kMostValues = 400'000;
constexpr std::size_t kMostErrors = 100;  // of one specialisation
constexpr std::int64_t kMostSize = 0x7fff'ffff;

}  // namespace

Report::Report(Context& context, vm::Severity severity, std::string_view code, vm::Span span)
    : context_(context), diagnostic_{severity, std::string(code), span, {}, {}, {}} {}

Report::~Report() {
  context_.hand_in(std::move(diagnostic_));
}

Report& Report::suggest(std::string_view name, const std::vector<std::string_view>& candidates) {
  if (const auto near = vm::did_you_mean(name, candidates))
    hint(fmt::format("did you mean '{}'?", *near));
  return *this;
}

std::string_view Context::text(Place place) const {
  return modules.sources().text(module().file.id).substr(place.begin, place.end - place.begin);
}

void Context::note_origin(Report& report, std::string_view name, const Value& value) const {
  vm::ValueId id = vm::kNoValue;
  if (const auto* tile = value.as<Register>()) id = tile->id;
  if (const auto* memory = value.as<Memory>()) id = memory->id;
  if (id == vm::kNoValue) return;
  report.note(function.value(id).span, fmt::format("{} is {}", name, describe(value)));
}

void Context::hand_in(vm::Diagnostic diagnostic) {
  const bool is_error = diagnostic.severity == vm::Severity::Error;
  const vm::Span& at = diagnostic.span;
  // An unrolled loop, or a function that is inlined twice, meets the same mistake again.
  if (!said_.emplace(diagnostic.code, at.file, at.line, at.column, diagnostic.message).second) {
    errors_ += is_error;
    return;
  }
  if (is_error && ++errors_ > kMostErrors) {
    exhausted_ = true;
    return;
  }
  for (std::size_t i = frames.size(); i-- > 1;)
    if (!frames[i].title.empty())
      diagnostic.note(frames[i].call, "in the call of " + frames[i].title);
  if (!settings.generics.empty() && kernel) {
    std::string with;
    for (const auto& [name, value] : settings.generics)
      with += fmt::format("{}{} = {}", with.empty() ? "" : ", ", name, value);
    diagnostic.note({}, fmt::format("in the kernel {} with {}", kernel->name, with));
  }
  auto& added =
      is_error ? diagnostics.error(diagnostic.code, at) : diagnostics.warning(diagnostic.code, at);
  added = std::move(diagnostic);
}

bool Context::spend(Place place) {
  if (exhausted_) return false;
  if (++spent_ <= kMostStatements && function.values.size() <= kMostValues) return true;
  error("BL0904", place) << "the kernel has more than "
                         << (spent_ > kMostStatements ? kMostStatements : kMostValues)
                         << (spent_ > kMostStatements ? " statements" : " values")
                         << " when functions are inlined and loops unrolled";
  exhausted_ = true;
  return false;
}

vm::ValueId Context::emit(Place place, vm::Opcode opcode, vm::Type type,
                          std::vector<vm::ValueId> inputs) {
  build.at(span(place));
  return build.emit(opcode, std::move(type), std::move(inputs));
}

vm::Instruction& Context::emit(Place place, vm::Opcode opcode, std::vector<vm::ValueId> inputs) {
  build.at(span(place));
  return build.emit(opcode, std::move(inputs));
}

vm::ValueId Context::emit_first(vm::Opcode opcode, vm::Type type, std::vector<vm::ValueId> inputs,
                                std::string name) {
  auto instruction = std::make_unique<vm::Instruction>();
  instruction->opcode = opcode;
  instruction->inputs = std::move(inputs);
  instruction->span = function.span;
  const vm::ValueId id = function.add_value(std::move(name), std::move(type), function.span);
  instruction->outputs.push_back(id);
  auto& body = function.body.body;
  body.insert(body.begin() + static_cast<std::ptrdiff_t>(first_++), std::move(instruction));
  return id;
}

vm::ValueId Context::offset(Place place, vm::ValueId scalar) {
  if (type(scalar).element == vm::kI64 && !function.value(scalar).variable) return scalar;
  for (const auto& known : wide_)
    if (const auto found = known.find(scalar); found != known.end()) return found->second;
  const vm::ValueId wide = emit(place, vm::Opcode::Cast, vm::register_type(vm::kI64), {scalar});
  if (!function.value(scalar).variable) wide_.back().emplace(scalar, wide);
  return wide;
}

vm::ValueId Context::offset(Place place, std::int64_t constant) {
  for (const auto& known : wide_constants_)
    if (const auto found = known.find(constant); found != known.end()) return found->second;
  build.at(span(place));
  const vm::ValueId id = build.constant(vm::kI64, constant);
  wide_constants_.back().emplace(constant, id);
  return id;
}

Value Context::machine_scalar(vm::Opcode opcode, int axis, std::string name) {
  const auto known = machine_scalars_.find(name);
  if (known != machine_scalars_.end()) return Register{known->second};
  const vm::ValueId id = emit_first(opcode, vm::register_type(vm::kI32), {}, name);
  if (opcode != vm::Opcode::ClusterRank)
    function.body.body[first_ - 1]->set("axis", std::int64_t{axis});
  machine_scalars_.emplace(std::move(name), id);
  return Register{id};
}

Value Context::size(std::string_view name) {
  if (in_header) return layouts::SizeExpr::symbol(std::string(name));
  if (const auto known = sizes_.find(name); known != sizes_.end()) return Register{known->second};
  for (const vm::ValueId wide : function.sizes) {
    if (function.value(wide).name != name) continue;
    const vm::ValueId id =
        emit_first(vm::Opcode::Cast, vm::register_type(vm::kI32), {wide}, std::string(name));
    sizes_.emplace(name, id);
    // What makes 32 bits sound: a launch with a larger size is refused.
    using layouts::SizeExpr;
    function.constraints.push_back(
        {SizeExpr::make(SizeExpr::Op::Le, SizeExpr::symbol(std::string(name)), kMostSize),
         fmt::format("{} <= {}", name, kMostSize),
         "sizes are 32-bit numbers in expressions; cast<i64>(…) is not bounded",
         function.value(wide).span});
    return Register{id};
  }
  return Poison{};
}

RegionScope::RegionScope(Context& context, vm::Instruction& instruction, int index)
    : context_(context) {
  context.build.open(instruction, index);
  context.wide_.emplace_back();
  context.wide_constants_.emplace_back();
  ++context.depth;
}

RegionScope::~RegionScope() {
  --context_.depth;
  context_.wide_.pop_back();
  context_.wide_constants_.pop_back();
  context_.build.close();
}

void declare(Context& c, std::string_view name, Place place, Value value, bool variable) {
  if (const Binding* known = c.scope->find_here(name)) {
    (c.error("BL0110", place) << "'" << name << "' is defined twice in this block")
        .note(known->span, "the first definition stands");
    return;
  }
  c.scope->declare(name, {std::move(value), c.span(place), variable, false, {}});
}

}  // namespace bitloom::dsl::sema
