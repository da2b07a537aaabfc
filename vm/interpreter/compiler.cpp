#include "vm/interpreter/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "vm/numerics.h"

namespace bitloom::vm::interpreter {
namespace {

std::shared_ptr<const LaneTable> make_table(std::vector<std::int32_t> elements, std::int64_t size) {
  auto table = std::make_shared<LaneTable>();
  table->element_of_lane = std::move(elements);
  table->lane_of_element.assign(static_cast<std::size_t>(size), -1);
  table->is_first.assign(table->element_of_lane.size(), 0);
  for (std::size_t lane = 0; lane < table->element_of_lane.size(); ++lane) {
    std::int32_t& first = table->lane_of_element[table->element_of_lane[lane]];
    if (first < 0) {
      first = static_cast<std::int32_t>(lane);
      table->is_first[lane] = 1;
    } else {
      table->unique = false;
    }
  }
  return table;
}

bool is_effect(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::LoadAcquire:
    case Opcode::AtomicFetch:
    case Opcode::Sync:
    case Opcode::SyncWarp:
    case Opcode::Fence:
    case Opcode::ScheduleFence:
      return false;
    default:
      break;
  }
  const Effect effect = info(instruction.opcode).effect;
  return effect == Effect::Writes
             ? instruction.opcode != Opcode::Assign
             : effect == Effect::ReadsWrites || effect == Effect::Async || effect == Effect::Sync;
}

}  // namespace

Compiler::Compiler(const Function& function, const Bindings& bindings, Program& program,
                   Diagnostics& diagnostics)
    : function_(function),
      bindings_(bindings),
      program_(program),
      diagnostics_(diagnostics),
      scalar_table_(make_table({0}, 1)) {}

bool Compiler::run() {
  program_.function = &function_;
  find_written_parameters();
  Scope scope;
  scope.body = &program_.bodies.emplace_back();
  scope.body->threads = function_.threads;
  scope_ = &scope;
  bind_parameters();
  region(function_.body);
  const auto last = step(Instruction{}, [](Strand&, const Step&) { return Flow::Finished; });
  scope.body->steps[last].instruction = nullptr;
  std::uint32_t number = 0;
  for (Body& body : program_.bodies) {
    for (Step& each : body.steps) {
      each.number = number++;
      program_.steps.push_back(&each);
    }
  }
  return !failed_;
}

void Compiler::fail(const Instruction& instruction, const std::string& text) {
  if (!failed_) {
    diagnostics_.error("BL0901", instruction.span)
        << "internal error: the interpreter was given a program that is not fully lowered: "
        << info(instruction.opcode).mnemonic << ": " << text;
  }
  failed_ = true;
}

void Compiler::find_written_parameters() {
  written_.assign(function_.values.size(), false);
  const auto defined = definitions(function_);
  walk(function_.body, [&](const Instruction& instruction) {
    const Effect effect = info(instruction.opcode).effect;
    const bool reads_only = effect == Effect::Pure || effect == Effect::Reads ||
                            instruction.opcode == Opcode::LoadAcquire ||
                            instruction.opcode == Opcode::Prefetch;
    if (reads_only || instruction.inputs.empty()) return;
    const ValueId target = instruction.inputs[0];
    if (target == kNoValue || type(target).space != Space::Global) return;
    written_[root_of(function_, defined, target)] = true;
  });
}

void Compiler::bind_parameters() {
  for (ValueId size : function_.sizes) {
    const auto found = bindings_.sizes.find(function_.value(size).name);
    first_value(define(size), found == bindings_.sizes.end() ? 0 : found->second);
  }
  for (std::size_t i = 0; i < function_.parameters.size(); ++i) {
    const Parameter& parameter = function_.parameters[i];
    if (parameter.value == kNoValue || i >= bindings_.arguments.size()) continue;
    const Type& kind = type(parameter.value);
    const Argument& argument = bindings_.arguments[i];
    if (const auto* scalar = std::get_if<ScalarArgument>(&argument); scalar && kind.is_scalar()) {
      const bool real = kind.element.is_float();
      first_value(define(parameter.value),
                  real ? encode(kind.element, scalar->real)
                       : static_cast<std::uint64_t>(scalar->integer) & code_mask(kind.element));
    }
    if (kind.space != Space::Global) continue;
    auto root = std::make_shared<Root>();
    root->space = Space::Global;
    root->element = kind.element;
    root->bits = kind.element.bits;
    root->extents = bindings_.extents[i];
    root->name = function_.value(parameter.value).name;
    root->span = function_.value(parameter.value).span;
    root->value = parameter.value;
    root->parameter = static_cast<int>(i);
    root->written = written_[parameter.value];
    if (kind.packed && root->extents.size() >= 2) {
      root->place_packed(*kind.packed);
    } else {
      root->place_dense();
    }
    if (const auto* tensor = std::get_if<TensorArgument>(&argument)) {
      root->data = tensor->data;
    }
    program_.roots.push_back(root);
    ViewInfo info;
    info.root = root;
    info.extents = root->extents;
    for (int d = 0; d < static_cast<int>(root->extents.size()); ++d) info.dims.push_back(d);
    define_view(parameter.value, std::move(info));
  }
}

void Compiler::first_value(const Tile& tile, std::uint64_t value) {
  auto& frame = program_.first_frame;
  frame.resize(std::max<std::size_t>(frame.size(), tile.offset + 2));
  frame[tile.offset] = static_cast<std::uint32_t>(value);
  frame[tile.offset + 1] = static_cast<std::uint32_t>(value >> 32);
}

// ---- Places of values ---------------------------------------------------------------------------

std::uint32_t Compiler::allocate(Body& body, std::size_t words) {
  // Scalars need eight bytes together, tiles begin at cache lines.
  const std::uint32_t align = words <= 2 ? 2 : 16;
  const std::uint32_t offset = (body.frame_words + align - 1) / align * align;
  body.frame_words = offset + static_cast<std::uint32_t>(words);
  return offset;
}

std::shared_ptr<const LaneTable> Compiler::lane_table(const layouts::RegisterLayout& layout) {
  auto& table = tables_[layout];
  if (!table) table = make_table(layout.table(), layouts::size(layout.shape()));
  return table;
}

Tile Compiler::place(ValueId value, Scope& scope) {
  const Type& kind = type(value);
  Tile tile;
  tile.element = kind.element;
  tile.bits = storage_bits(kind.element);
  tile.table = scalar_table_;
  tile.shape = kind.shape;
  if (!kind.is_register()) {
    fail(*current_, fmt::format("value {} is not a register tile", value));
  } else if (!kind.is_scalar()) {
    tile.scalar = false;
    if (!kind.layout) {
      fail(*current_, fmt::format("value {} has no layout", value));
    } else if (kind.layout->threads() > scope.body->threads || kind.layout->shape() != kind.shape) {
      fail(*current_,
           fmt::format("value {} of shape {} has a layout of shape {} for {} threads in a strand "
                       "of {}",
                       value, layouts::to_string(kind.shape),
                       layouts::to_string(kind.layout->shape()), kind.layout->threads(),
                       scope.body->threads));
    } else {
      tile.table = lane_table(*kind.layout);
      tile.threads = static_cast<std::int32_t>(kind.layout->threads());
      tile.registers = static_cast<std::int32_t>(kind.layout->registers());
      tile.words = (tile.registers * tile.bits + 31) / 32;
    }
  }
  tile.offset = allocate(*scope.body, tile.frame_words());
  return tile;
}

Tile Compiler::define(ValueId value) {
  const auto found = scope_->tiles.find(value);
  if (found != scope_->tiles.end()) return found->second;
  return scope_->tiles.emplace(value, place(value, *scope_)).first->second;
}

const Tile* Compiler::find_tile(ValueId value, Scope& scope) {
  const auto found = scope.tiles.find(value);
  if (found != scope.tiles.end()) return &found->second;
  if (!scope.outer) return nullptr;
  const Tile* outer = find_tile(value, *scope.outer);
  if (!outer) return nullptr;
  if (!outer->scalar && scope.outer->body->threads != scope.body->threads) {
    fail(*current_, "a tile of another strand is used");
    return nullptr;
  }
  Tile copy = *outer;
  copy.imported = true;
  copy.offset = allocate(*scope.body, copy.frame_words());
  scope.body->imports.push_back(
      {false, outer->offset, copy.offset, static_cast<std::uint32_t>(copy.frame_words())});
  return &scope.tiles.emplace(value, copy).first->second;
}

Tile Compiler::tile(ValueId value) {
  if (value != kNoValue && value < function_.values.size()) {
    if (const Tile* found = find_tile(value, *scope_)) return *found;
  }
  fail(*current_, "an operand is used before it is defined");
  Tile nothing;
  nothing.table = scalar_table_;
  return nothing;
}

Tile Compiler::variable(ValueId value) {
  const Tile found = tile(value);
  if (found.imported) fail(*current_, "a variable of another strand is changed");
  return found;
}

Tile Compiler::scratch_scalar() {
  Tile tile;
  tile.element = kI64;
  tile.bits = 64;
  tile.table = scalar_table_;
  tile.offset = allocate(*scope_->body, 2);
  return tile;
}

ViewInfo& Compiler::define_view(ValueId value, ViewInfo info) {
  if (info.root && info.root->extents.size() > kMaxRank)
    fail(*current_, fmt::format("tensors of more than {} dimensions", kMaxRank));
  const auto found = scope_->views.find(value);
  info.slot = found != scope_->views.end() ? found->second.slot : scope_->body->views++;
  return scope_->views[value] = std::move(info);
}

const ViewInfo* Compiler::find_view(ValueId value, Scope& scope) {
  const auto found = scope.views.find(value);
  if (found != scope.views.end()) return &found->second;
  if (!scope.outer) return nullptr;
  const ViewInfo* outer = find_view(value, *scope.outer);
  if (!outer) return nullptr;
  ViewInfo copy = *outer;
  copy.slot = scope.body->views++;
  scope.body->imports.push_back({true, outer->slot, copy.slot, 0});
  return &scope.views.emplace(value, std::move(copy)).first->second;
}

const ViewInfo& Compiler::view(ValueId value) {
  if (value != kNoValue && value < function_.values.size()) {
    if (const ViewInfo* found = find_view(value, *scope_)) return *found;
  }
  fail(*current_, "a memory operand is used before it is defined");
  ViewInfo nothing;
  nothing.root = std::make_shared<Root>();
  return define_view(value, nothing);
}

// ---- Steps --------------------------------------------------------------------------------------

std::size_t Compiler::step(const Instruction& instruction, Action action) {
  Step step;
  step.action = std::move(action);
  step.instruction = &instruction;
  step.effect = is_effect(instruction);
  const auto key = std::pair(instruction.span.file, instruction.span.line);
  const auto [line, is_new] =
      lines_.emplace(key, static_cast<std::uint16_t>(program_.lines.size()));
  if (is_new) {
    Span whole;
    whole.file = key.first;
    whole.line = key.second;
    program_.lines.push_back(whole);
  }
  step.line = line->second;
  const auto touch = [&](ValueId value, std::vector<std::uint32_t>& list) {
    if (value == kNoValue || !type(value).is_register()) return;
    const auto found = scope_->tiles.find(value);
    if (found != scope_->tiles.end()) list.push_back(found->second.offset);
  };
  // The one operand that is both stands first in its row.
  const bool changes_first =
      instruction.opcode == Opcode::Assign || instruction.opcode == Opcode::DotAsync;
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i)
    touch(instruction.inputs[i], changes_first && i == 0 ? step.changes : step.reads);
  for (ValueId value : instruction.outputs) touch(value, step.changes);
  scope_->body->steps.push_back(std::move(step));
  return scope_->body->steps.size() - 1;
}

void Compiler::instruction(const Instruction& each) {
  current_ = &each;
  const InstructionInfo& row = info(each.opcode);
  std::size_t inputs = 0, outputs = 0;
  for (const OperandInfo& operand : row.operands) {
    inputs += operand.role == OperandRole::In || operand.role == OperandRole::InOut ||
              operand.role == OperandRole::Optional;
    outputs += operand.role == OperandRole::Out;
  }
  if (each.inputs.size() < inputs || each.outputs.size() < outputs ||
      (row.regions >= 0 && each.regions.size() != static_cast<std::size_t>(row.regions))) {
    fail(each, "operands or regions are missing");
    return;
  }
  visit(each, [this](const auto& op) { compile(op, *this); });
}

void Compiler::region(const Region& region) {
  for (const InstructionPtr& each : region.body) {
    if (failed_) return;
    instruction(*each);
  }
}

const Body* Compiler::body(const Region& inner, int threads) {
  Scope scope;
  scope.outer = scope_;
  scope.body = &program_.bodies.emplace_back();
  scope.body->threads = threads;
  Scope* const outer = scope_;
  const Instruction* const forking = current_;
  scope_ = &scope;
  scope.body->argument =
      inner.arguments.empty() ? scratch_scalar().offset : define(inner.arguments.front()).offset;
  region(inner);
  const auto last = step(*forking, [](Strand&, const Step&) { return Flow::Finished; });
  scope.body->steps[last].instruction = nullptr;
  scope_ = outer;
  current_ = forking;
  return scope.body;
}

}  // namespace bitloom::vm::interpreter
