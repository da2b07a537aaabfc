#include "runtime/bind.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>

#include "runtime/host/dense_bits.h"
#include "runtime/host/packing.h"
#include "runtime/host/random.h"
#include "vm/absent_sizes.h"
#include "vm/numerics.h"
#include "vm/suggest.h"

namespace bitloom::runtime {
namespace {

using layouts::SizeExpr;
using vm::Diagnostic;
using vm::Diagnostics;
using vm::Function;

// A parameter as a message names it: "scale (s.npy)".
std::string called(const vm::Value& parameter, const Source& source) {
  return source.name.empty() ? fmt::format("'{}'", parameter.name)
                             : fmt::format("'{}' ({})", parameter.name, source.name);
}

SizeExpr::Lookup lookup_in(const std::map<std::string, std::int64_t>& sizes, int device_sms) {
  return [&sizes, device_sms](std::string_view name) -> std::optional<std::int64_t> {
    if (name == "device.sms") return device_sms;
    const auto found = sizes.find(std::string(name));
    if (found == sizes.end()) return std::nullopt;
    return found->second;
  };
}

class Binder {
 public:
  Binder(const Function& function, const Request& request, Diagnostics& diagnostics)
      : function_(function),
        request_(request),
        diagnostics_(diagnostics),
        errors_before_(diagnostics.error_count()) {}

  bool names();
  bool sizes();
  bool constraints();
  // `stream`: the random arrays of one launch differ by it.
  bool array(const vm::Value& parameter, const vm::Shape& extents, std::uint32_t stream,
             HostArray& out);
  bool scalar(const vm::Value& parameter, vm::ScalarArgument& out);
  std::optional<vm::Shape> extents_of(const vm::Value& parameter);

  std::map<std::string, std::int64_t> solved;

 private:
  const Source* source_of(const vm::Value& parameter) const {
    const auto found = request_.arguments.find(parameter.name);
    return found == request_.arguments.end() ? nullptr : &found->second;
  }
  bool fine() const { return diagnostics_.error_count() == errors_before_; }
  void fail(Result<HostArray>& result, const vm::Value& parameter);
  bool learn(const std::string& symbol, std::int64_t value, const std::string& from, vm::Span span);
  void learn_from(const vm::Value& parameter, const Source& source);
  std::string values_in(const vm::Constraint& constraint) const;
  std::optional<HostArray> take(const vm::Value& parameter, const Source& source);

  const Function& function_;
  const Request& request_;
  Diagnostics& diagnostics_;
  std::size_t errors_before_;
  std::map<std::string, std::string> learned_from_;
  std::set<std::string> in_doubt_;  // sizes of which something wrong was said
};

// Every argument has a parameter, every parameter an argument (or is an output).
bool Binder::names() {
  std::set<std::string> meant;  // by names that are unknown: what is missing is said already
  std::vector<std::string> known;
  for (const vm::Parameter& parameter : function_.parameters)
    known.push_back(function_.value(parameter.value).name);
  const auto check = [&](const std::string& name, std::string_view what) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    Diagnostic& error = diagnostics_.error(
        "BL0402", function_.span,
        fmt::format("kernel '{}' has no parameter '{}' for {}", function_.name, name, what));
    if (const auto near = vm::did_you_mean(name, known)) {
      error.hint(fmt::format("did you mean '{}'?", *near));
      meant.insert(*near);
    }
    error.hint(fmt::format("its parameters are {}", fmt::join(known, ", ")));
  };
  for (const auto& [name, source] : request_.arguments) check(name, "the argument");
  for (const std::string& name : request_.outputs) check(name, "the output");

  for (const vm::Parameter& parameter : function_.parameters) {
    const vm::Value& value = function_.value(parameter.value);
    if (!parameter.present || source_of(value) || request_.outputs.contains(value.name) ||
        meant.contains(value.name))
      continue;
    Diagnostic& error = diagnostics_.error(
        "BL0401", value.span, fmt::format("parameter '{}' has no argument", value.name));
    error.hint(
        value.type.is_memory()
            ? fmt::format("--arg {0}=FILE.npy, --arg {0}=random, or --out {0}=FILE.npy", value.name)
            : fmt::format("--arg {}=NUMBER", value.name));
  }
  return fine();
}

// False when the size is known already, and another.
bool Binder::learn(const std::string& symbol, std::int64_t value, const std::string& from,
                   vm::Span span) {
  const auto [at, fresh] = solved.emplace(symbol, value);
  if (fresh) learned_from_[symbol] = from;
  if (fresh || at->second == value) return true;
  diagnostics_.error("BL0405", span,
                     fmt::format("{} is {} from {} and {} from {}", symbol, at->second,
                                 learned_from_[symbol], value, from));
  return false;
}

// Extents that are plain names say what the names are. An array that disagrees says nothing more.
void Binder::learn_from(const vm::Value& parameter, const Source& source) {
  const Shape& shape = std::get<HostArray>(source.value).shape();
  const auto& extents = parameter.type.extents;
  if (shape.size() != extents.size()) {
    diagnostics_.error("BL0404", parameter.span,
                       fmt::format("{} has {} dimensions, {}, where the kernel wants {}",
                                   called(parameter, source), shape.size(), to_string(shape),
                                   vm::to_string(parameter.type)));
    for (const SizeExpr& extent : extents)
      for (const std::string& symbol : extent.symbols()) in_doubt_.insert(symbol);
    return;
  }
  const auto is_known = [&](std::size_t i) {
    return extents[i].is_symbol() && solved.contains(extents[i].name());
  };
  for (const bool known : {true, false}) {
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (!extents[i].is_symbol() || is_known(i) != known) continue;
      if (!learn(extents[i].name(), shape[i],
                 fmt::format("dimension {} of {}", i, called(parameter, source)), parameter.span)) {
        for (const SizeExpr& extent : extents)
          if (extent.is_symbol()) in_doubt_.insert(extent.name());
        return;
      }
    }
  }
}

bool Binder::sizes() {
  std::vector<std::string> known;
  for (vm::ValueId id : function_.sizes) known.push_back(function_.value(id).name);
  for (const auto& [name, size] : request_.sizes) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      Diagnostic& error =
          diagnostics_.error("BL0406", function_.span,
                             fmt::format("kernel '{}' has no size '{}'", function_.name, name));
      if (!known.empty()) error.hint(fmt::format("its sizes are {}", fmt::join(known, ", ")));
      in_doubt_.insert(known.begin(), known.end());
    } else if (size < 0) {
      diagnostics_.error("BL0418", function_.span,
                         fmt::format("size {} is {}; sizes are 0 and more", name, size));
      in_doubt_.insert(name);
    } else {
      learn(name, size, "--shape", function_.span);
    }
  }
  for (const vm::Parameter& parameter : function_.parameters) {
    const vm::Value& value = function_.value(parameter.value);
    const Source* source = source_of(value);
    if (parameter.present && value.type.is_memory() && source && source->is_array())
      learn_from(value, *source);
  }
  for (const std::string& name : vm::absent_sizes(function_)) solved.emplace(name, 0);
  for (const std::string& name : known) {
    if (solved.contains(name) || in_doubt_.contains(name)) continue;
    diagnostics_
        .error("BL0406", function_.span,
               fmt::format("size {} does not follow from the arguments", name))
        .hint(fmt::format("--shape {}=NUMBER", name));
  }
  return fine();
}

// "k = 128, G = 48": the sizes and the compile-time parameters that a condition names.
std::string Binder::values_in(const vm::Constraint& constraint) const {
  std::vector<std::string> values;
  for (const std::string& symbol : constraint.condition.symbols())
    if (const auto found = solved.find(symbol); found != solved.end())
      values.push_back(fmt::format("{} = {}", symbol, found->second));
  const auto is_letter = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  const std::string& text = constraint.text;
  for (const auto& [name, value] : function_.specialization) {
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
      if ((at > 0 && is_letter(text[at - 1])) ||
          (at + name.size() < text.size() && is_letter(text[at + name.size()])))
        continue;
      values.push_back(fmt::format("{} = {}", name, value));
      break;
    }
  }
  return fmt::format("{}", fmt::join(values, ", "));
}

bool Binder::constraints() {
  for (const vm::Constraint& constraint : function_.constraints) {
    const auto holds = constraint.condition.evaluate(lookup_in(solved, request_.device_sms));
    if (!holds) {
      diagnostics_.error(
          "BL0407", constraint.span,
          fmt::format("'{}' cannot be evaluated: {}", constraint.text, holds.error()));
    } else if (*holds == 0) {
      const std::string values = values_in(constraint);
      Diagnostic& error = diagnostics_.error("BL0407", constraint.span,
                                             fmt::format("'{}' does not hold{}{}", constraint.text,
                                                         values.empty() ? "" : " for ", values));
      if (!constraint.message.empty()) error.hint(constraint.message);
    }
  }
  return fine();
}

std::optional<vm::Shape> Binder::extents_of(const vm::Value& parameter) {
  vm::Shape extents;
  for (const SizeExpr& extent : parameter.type.extents) {
    const auto value = extent.evaluate(lookup_in(solved, request_.device_sms));
    if (!value || *value < 0) {
      diagnostics_.error("BL0418", parameter.span,
                         fmt::format("extent {} of '{}' is {}", extent.to_string(), parameter.name,
                                     value ? fmt::to_string(*value) : value.error()));
      return std::nullopt;
    }
    extents.push_back(*value);
  }
  return extents;
}

void Binder::fail(Result<HostArray>& result, const vm::Value& parameter) {
  Diagnostic error = result.error();
  Diagnostic& added = diagnostics_.error(error.code, parameter.span,
                                         fmt::format("'{}': {}", parameter.name, error.message));
  for (std::string& hint : error.hints) added.hint(std::move(hint));
}

// An array as the element type that the parameter wants: codes of narrow types come as u8, and
// those of signed ones also as numbers in i8.
std::optional<HostArray> Binder::take(const vm::Value& parameter, const Source& source) {
  HostArray array = std::get<HostArray>(source.value);
  const vm::ElementType want = parameter.type.element, have = array.type();
  if (have == want) return array;
  if (want.is_narrow() && have == vm::kI8 && want.type_class == vm::TypeClass::Signed) {
    const int low = -(1 << (want.bits - 1)), high = (1 << (want.bits - 1)) - 1;
    for (std::int8_t& number : array.as<std::int8_t>()) {
      if (number < low || number > high) {
        diagnostics_.error(
            "BL0417", parameter.span,
            fmt::format("{} holds {}, outside {} ({} to {})", called(parameter, source), number,
                        to_string(want), low, high));
        return std::nullopt;
      }
      number = static_cast<std::int8_t>(number & static_cast<int>(vm::code_mask(want)));
    }
    Result<HostArray> codes = std::move(array).with_type(want);
    if (codes) return std::move(*codes);
    fail(codes, parameter);
    return std::nullopt;
  }
  if (want.is_narrow() && have == vm::kU8) {
    Result<HostArray> codes = std::move(array).with_type(want);
    if (codes) return std::move(*codes);
    fail(codes, parameter);
    return std::nullopt;
  }
  Diagnostic& error = diagnostics_.error(
      "BL0403", parameter.span,
      fmt::format("{} holds {} where the kernel wants {}", called(parameter, source),
                  to_string(have), vm::to_string(parameter.type)));
  if (want.is_narrow())
    error.hint("give the codes as u8, one a byte, in the logical shape");
  else
    error.hint(fmt::format("convert the array to {}", to_string(want)));
  return std::nullopt;
}

bool Binder::array(const vm::Value& parameter, const vm::Shape& extents, std::uint32_t stream,
                   HostArray& out) {
  const Source* source = source_of(parameter);
  if (source && source->is_array()) {
    const Shape& shape = std::get<HostArray>(source->value).shape();
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == extents[i]) continue;
      diagnostics_.error(
          "BL0405", parameter.span,
          fmt::format("dimension {} of {} is {} where {} = {}", i, called(parameter, *source),
                      shape[i], parameter.type.extents[i].to_string(), extents[i]));
      return false;
    }
    std::optional<HostArray> taken = take(parameter, *source);
    if (!taken) return false;
    out = std::move(*taken);
    return true;
  }
  if (source && !std::holds_alternative<Source::Random>(source->value) &&
      !std::holds_alternative<Source::Zeros>(source->value)) {
    diagnostics_.error("BL0403", parameter.span,
                       fmt::format("'{}' is a tensor, {}, and was given a number", parameter.name,
                                   vm::to_string(parameter.type)));
    return false;
  }
  const bool random = source && std::holds_alternative<Source::Random>(source->value);
  Result<HostArray> made =
      random ? random_array(parameter.type.element, extents, request_.seed, stream)
             : HostArray::zeros(parameter.type.element, extents);
  if (!made) {
    fail(made, parameter);
    return false;
  }
  out = std::move(*made);
  return true;
}

bool Binder::scalar(const vm::Value& parameter, vm::ScalarArgument& out) {
  const Source& source = *source_of(parameter);
  const vm::ElementType type = parameter.type.element;
  if (const auto* integer = std::get_if<std::int64_t>(&source.value)) {
    out = {*integer, static_cast<double>(*integer)};
    if (!type.is_integer() || type.bits == 64) return true;
    const std::int64_t high = type.is_signed() ? (std::int64_t{1} << (type.bits - 1)) - 1
                                               : (std::int64_t{1} << type.bits) - 1;
    const std::int64_t low = type.is_signed() ? -high - 1 : 0;
    if (*integer >= low && *integer <= high) return true;
    diagnostics_.error("BL0420", parameter.span,
                       fmt::format("'{}' is {}, outside {} ({} to {})", parameter.name, *integer,
                                   to_string(type), low, high));
    return false;
  }
  const auto* real = std::get_if<double>(&source.value);
  if (real && type.is_float()) {
    out = {0, *real};
    return true;
  }
  diagnostics_.error("BL0420", parameter.span,
                     fmt::format("'{}' is a scalar of type {} and was given {}", parameter.name,
                                 to_string(type), source.name));
  return false;
}

// In the memory of a kernel a tensor of a narrow type is a dense bit string.
bool is_bit_string(const vm::Type& type) {
  return !type.packed && type.element.bits < 8;
}

}  // namespace

std::vector<vm::Argument> Binding::arguments() {
  std::vector<vm::Argument> result;
  for (Slot& slot : slots_) {
    if (auto* array = std::get_if<HostArray>(&slot.held)) {
      result.push_back(
          vm::TensorArgument{array->bytes().data(), array->bytes().size(), slot.extents, true});
    } else if (auto* bytes = std::get_if<std::vector<std::uint8_t>>(&slot.held)) {
      result.push_back(vm::TensorArgument{reinterpret_cast<std::byte*>(bytes->data()),
                                          bytes->size(), slot.extents, true});
    } else if (auto* number = std::get_if<vm::ScalarArgument>(&slot.held)) {
      result.push_back(*number);
    } else {
      result.push_back(std::monostate{});
    }
  }
  return result;
}

HostArray Binding::logical(const Function& function, std::string_view parameter) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const vm::Value& value = function.value(function.parameters[i].value);
    if (value.name != parameter) continue;
    if (const auto* array = std::get_if<HostArray>(&slots_[i].held)) return *array;
    const auto* packed = std::get_if<std::vector<std::uint8_t>>(&slots_[i].held);
    if (!packed) break;
    if (is_bit_string(value.type)) {
      Result<HostArray> array = HostArray::zeros(value.type.element, slots_[i].extents);
      if (!array) break;
      from_dense_bits(std::as_bytes(std::span(*packed)), *array);
      return std::move(*array);
    }
    Result<HostArray> array =
        unpack_codes(*value.type.packed, value.type.element, slots_[i].extents, *packed);
    if (!array) break;
    return std::move(*array);
  }
  return {};
}

std::optional<Binding> bind(const Function& function, const Request& request,
                            Diagnostics& diagnostics) {
  Binder binder(function, request, diagnostics);
  // Names are checked together with sizes, so that one run reports both.
  const bool named = binder.names();
  if (!binder.sizes() || !named || !binder.constraints()) return std::nullopt;
  Binding binding;
  binding.sizes = binder.solved;
  bool fine = true;
  for (const vm::Parameter& parameter : function.parameters) {
    Binding::Slot& slot = binding.slots_.emplace_back();
    const vm::Value& value = function.value(parameter.value);
    if (!parameter.present) continue;
    if (!value.type.is_memory()) {
      vm::ScalarArgument number;
      fine = binder.scalar(value, number) && fine;
      slot.held = number;
      continue;
    }
    const std::optional<vm::Shape> extents = binder.extents_of(value);
    HostArray array;
    if (!extents ||
        !binder.array(value, *extents, static_cast<std::uint32_t>(binding.slots_.size()), array)) {
      fine = false;
      continue;
    }
    slot.extents = *extents;
    if (value.type.packed) {
      slot.held = pack_codes(*value.type.packed, array);
    } else if (is_bit_string(value.type)) {
      const std::vector<std::byte> bits = to_dense_bits(array);
      const auto* begin = reinterpret_cast<const std::uint8_t*>(bits.data());
      slot.held = std::vector<std::uint8_t>(begin, begin + bits.size());
    } else {
      slot.held = std::move(array);
    }
  }
  if (!fine) return std::nullopt;
  return binding;
}

void infer_generics(const dsl::KernelSignature& kernel, const Request& request,
                    dsl::Specialization& specialization) {
  for (const auto& generic : kernel.generics) {
    if (generic.kind != "type" || specialization.generics.contains(generic.name)) continue;
    for (const auto& parameter : kernel.parameters) {
      if (parameter.element != generic.name || parameter.packed) continue;
      const auto source = request.arguments.find(parameter.name);
      if (source == request.arguments.end() || !source->second.is_array()) continue;
      specialization.generics[generic.name] =
          to_string(std::get<HostArray>(source->second.value).type());
      break;
    }
  }
}

}  // namespace bitloom::runtime
