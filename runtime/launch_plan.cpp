#include "runtime/launch_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "runtime/host/array.h"
#include "runtime/launch_log.h"
#include "runtime/tensor_map.h"
#include "vm/absent_sizes.h"
#include "vm/numerics.h"

namespace bitloom::runtime {

using codegen::CudaParameter;
using layouts::SizeExpr;

struct LaunchPlan::Sizes {
  std::array<std::int64_t, BoundLaunch::kSizes> values = {};
  std::uint32_t known = 0;

  bool has(int slot) const { return (known >> slot & 1) != 0; }
  void set(int slot, std::int64_t value) {
    values[static_cast<std::size_t>(slot)] = value;
    known |= 1u << slot;
  }
};

namespace {

// A failure with a place in the kernel's text.
tl::unexpected<vm::Diagnostic> at(vm::Span span, std::string_view code, std::string message,
                                  std::string hint = {}) {
  auto error = failure(code, std::move(message), std::move(hint));
  error.value().span = span;
  return error;
}

tl::unexpected<vm::Diagnostic> internal(std::string message) {
  return failure("BL0901", "internal error: " + std::move(message));
}

std::string full_name(const vm::Function& function) {
  std::string text = function.name;
  for (const auto& [name, value] : function.specialization) {
    text += fmt::format("{}{}={}", text.size() == function.name.size() ? "<" : ", ", name, value);
  }
  return text.size() == function.name.size() ? text : text + ">";
}

}  // namespace

// ---- Made once ----------------------------------------------------------------------------------

Result<SizeProgram> LaunchPlan::compile(const SizeExpr& expression) const {
  if (auto program = SizeProgram::compile(expression, slots_)) return std::move(*program);
  return failure("BL0904", fmt::format("the expression {} of kernel '{}' is nested too deeply",
                                       expression.to_string(), name_));
}

Result<LaunchPlan> LaunchPlan::make(const vm::Function& function, const CompiledKernel& image) {
  LaunchPlan plan;
  if (auto done = plan.read(function, image); !done) return tl::make_unexpected(done.error());
  return plan;
}

Result<void> LaunchPlan::read(const vm::Function& function, const CompiledKernel& image) {
  name_ = full_name(function);
  span_ = function.span;
  threads_ = image.threads;
  cluster_ = image.cluster;
  shared_bytes_ = static_cast<unsigned>(image.shared_bytes);
  resident_ = function.resident;
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    dependent_ |= instruction.opcode == vm::Opcode::GridWait;
  });
  slots_ = {"device.sms"};
  for (vm::ValueId size : function.sizes) slots_.push_back(function.value(size).name);
  if (slots_.size() > BoundLaunch::kSizes || image.parameters.size() > BoundLaunch::kParameters) {
    return failure("BL0904", fmt::format("kernel '{}' has {} sizes and {} parameters, where {} and "
                                         "{} can be launched",
                                         name_, slots_.size() - 1, image.parameters.size(),
                                         BoundLaunch::kSizes - 1, BoundLaunch::kParameters));
  }
  for (const std::string& name : vm::absent_sizes(function))
    absent_.push_back(
        static_cast<int>(std::find(slots_.begin(), slots_.end(), name) - slots_.begin()));
  for (const vm::Parameter& from : function.parameters) {
    const vm::Value& value = function.value(from.value);
    Parameter& parameter = parameters_.emplace_back();
    parameter.name = value.name;
    parameter.type = value.type;
    parameter.type_text = vm::to_string(value.type);
    parameter.span = value.span;
    parameter.present = from.present;
    for (const SizeExpr& extent : value.type.extents) {
      auto program = compile(extent);
      if (!program) return tl::make_unexpected(program.error());
      const auto slot = std::find(slots_.begin(), slots_.end(), extent.name());
      parameter.extents.push_back(
          {extent, std::move(*program),
           extent.is_symbol() ? static_cast<int>(slot - slots_.begin()) : -1});
    }
    if (value.type.packed) {
      parameter.atom_rows = value.type.packed->rows();
      parameter.atom_columns = value.type.packed->columns();
      parameter.atom_bytes = value.type.packed->bytes();
    }
  }
  for (const vm::Constraint& constraint : function.constraints) {
    auto program = compile(constraint.condition);
    if (!program) return tl::make_unexpected(program.error());
    conditions_.push_back({constraint, std::move(*program)});
  }
  for (const SizeExpr& axis : function.grid) {
    auto program = compile(axis);
    if (!program) return tl::make_unexpected(program.error());
    grid_.push_back({axis, std::move(*program)});
  }
  std::size_t maps = 0;
  for (const CudaParameter& from : image.parameters) {
    ParameterValue value{from.kind, -1, from.map};
    if (from.kind == CudaParameter::Kind::Size) {
      const auto slot = std::find(slots_.begin(), slots_.end(), from.name);
      if (slot != slots_.end()) value.source = static_cast<int>(slot - slots_.begin());
    } else {
      for (std::size_t i = 0; i < parameters_.size(); ++i) {
        if (parameters_[i].name == from.name) value.source = static_cast<int>(i);
      }
    }
    maps += from.kind == CudaParameter::Kind::TensorMap;
    if (value.source < 0 || maps > BoundLaunch::kMaps) {
      return internal(
          fmt::format("the image of kernel '{}' takes a parameter '{}' that no launch "
                      "can give",
                      name_, from.name));
    }
    values_.push_back(std::move(value));
  }
  return {};
}

// ---- Every launch -------------------------------------------------------------------------------

std::string LaunchPlan::values_in(const SizeExpr& expression, const Sizes& sizes) const {
  std::string text;
  for (const std::string& symbol : expression.symbols()) {
    const auto slot = std::find(slots_.begin(), slots_.end(), symbol) - slots_.begin();
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", symbol,
                        sizes.values[static_cast<std::size_t>(slot)]);
  }
  return text;
}

std::string LaunchPlan::reason(const SizeExpr& expression, const Sizes& sizes) const {
  const auto value = expression.evaluate([&](std::string_view name) -> std::optional<std::int64_t> {
    const auto slot = std::find(slots_.begin(), slots_.end(), name);
    if (slot == slots_.end()) return std::nullopt;
    return sizes.values[static_cast<std::size_t>(slot - slots_.begin())];
  });
  return fmt::format("{}: {}", expression.to_string(),
                     value ? fmt::to_string(*value) : value.error());
}

Result<void> LaunchPlan::infer(std::span<const LaunchArgument> arguments,
                               const BindOptions& options, Sizes& sizes) const {
  sizes.set(0, options.sms);
  for (const auto& [name, value] : options.sizes) {
    const auto slot = std::find(slots_.begin() + 1, slots_.end(), name);
    if (slot == slots_.end())
      return at(span_, "BL0406", fmt::format("kernel '{}' has no size '{}'", name_, name));
    sizes.set(static_cast<int>(slot - slots_.begin()), value);
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    const LaunchArgument& argument = arguments[i];
    if (argument.kind != LaunchArgument::Kind::Tensor || !parameter.present) continue;
    const std::size_t rank = std::min(parameter.extents.size(), argument.extents.size());
    for (std::size_t d = 0; d < rank; ++d) {
      const int slot = parameter.extents[d].slot;
      if (slot > 0 && !sizes.has(slot)) sizes.set(slot, argument.extents[d]);
    }
  }
  for (const int slot : absent_)
    if (!sizes.has(slot)) sizes.set(slot, 0);
  for (std::size_t slot = 1; slot < slots_.size(); ++slot) {
    if (!sizes.has(static_cast<int>(slot))) {
      return at(span_, "BL0406",
                fmt::format("size {} of kernel '{}' does not follow from the arguments",
                            slots_[slot], name_));
    }
    if (sizes.values[slot] < 0) {
      return at(span_, "BL0418", fmt::format("size {} is {}", slots_[slot], sizes.values[slot]));
    }
  }
  return {};
}

Result<void> LaunchPlan::check_extents(const Parameter& parameter, const LaunchArgument& argument,
                                       const Sizes& sizes) const {
  if (argument.extents.size() != parameter.extents.size()) {
    return at(parameter.span, "BL0404",
              fmt::format("'{}' has {} dimensions, {}, where kernel '{}' wants {}", parameter.name,
                          argument.extents.size(),
                          to_string(Shape(argument.extents.begin(), argument.extents.end())), name_,
                          parameter.type_text));
  }
  for (std::size_t d = 0; d < parameter.extents.size(); ++d) {
    const Extent& extent = parameter.extents[d];
    const std::optional<std::int64_t> wanted =
        extent.slot > 0 ? std::optional(sizes.values[static_cast<std::size_t>(extent.slot)])
                        : extent.program.run(std::span(sizes.values));
    if (!wanted) {
      return at(parameter.span, "BL0418",
                fmt::format("extent {} of '{}' is {}", d, parameter.name,
                            reason(extent.expression, sizes)));
    }
    if (*wanted != argument.extents[d]) {
      return at(parameter.span, "BL0405",
                fmt::format("dimension {} of '{}' is {} where {} = {}", d, parameter.name,
                            argument.extents[d], extent.expression.to_string(), *wanted));
    }
  }
  return {};
}

Result<void> LaunchPlan::check_argument(const Parameter& parameter, const LaunchArgument& argument,
                                        const Sizes& sizes, const void* device) const {
  if (!parameter.present) return {};
  if (argument.kind == LaunchArgument::Kind::Absent) {
    return at(parameter.span, "BL0401",
              fmt::format("parameter '{}' of kernel '{}' has no argument", parameter.name, name_));
  }
  const bool is_tensor = argument.kind == LaunchArgument::Kind::Tensor;
  if (is_tensor != parameter.type.is_memory()) {
    return at(parameter.span, "BL0403",
              fmt::format("'{}' is {}, and was given a {}", parameter.name, parameter.type_text,
                          is_tensor ? "tensor" : "number"));
  }
  if (!is_tensor) return {};
  if (argument.element != parameter.type.element) {
    return at(parameter.span, "BL0403",
              fmt::format("'{}' holds {} where kernel '{}' wants {}", parameter.name,
                          vm::to_string(argument.element), name_, parameter.type_text));
  }
  const auto& packed = parameter.type.packed;
  if (packed.has_value() != (argument.packed != nullptr) ||
      (packed && argument.packed != &*packed && *argument.packed != *packed)) {
    return at(parameter.span, "BL0807",
              fmt::format("'{}' is {} where kernel '{}' expects {}", parameter.name,
                          argument.packed ? "packed as " + argument.packed->tag() : "not packed",
                          name_, packed ? "the tag " + packed->tag() : "it not to be packed"));
  }
  if (!argument.dense) {
    return at(
        parameter.span, "BL0806",
        fmt::format("'{}' is a view whose rows do not lie behind one another", parameter.name),
        "copy it into a dense tensor");
  }
  if (argument.device && device && argument.device != device) {
    return at(
        parameter.span, "BL0808",
        fmt::format("'{}' lies on another GPU than kernel '{}' runs on", parameter.name, name_));
  }
  if (auto done = check_extents(parameter, argument, sizes); !done) return done;
  std::int64_t bytes = 1;
  std::size_t rank = argument.extents.size();
  if (packed && rank >= 2) {
    const std::int64_t n = argument.extents[rank - 1], k = argument.extents[rank - 2];
    bytes = (n + parameter.atom_rows - 1) / parameter.atom_rows *
            ((k + parameter.atom_columns - 1) / parameter.atom_columns) * parameter.atom_bytes;
    rank -= 2;
    for (std::size_t d = 0; d < rank; ++d) bytes *= argument.extents[d];
  } else {
    for (std::int64_t extent : argument.extents) bytes *= extent;
    bytes = (bytes * parameter.type.element.bits + 7) / 8;
  }
  if (static_cast<std::int64_t>(argument.bytes) < bytes || (bytes > 0 && argument.address == 0)) {
    return at(parameter.span, "BL0421",
              fmt::format("'{}' takes {} bytes and is given {}", parameter.name, bytes,
                          argument.address == 0 ? 0 : argument.bytes));
  }
  if (argument.address % 16 != 0) {
    return at(parameter.span, "BL0806",
              fmt::format("'{}' begins at {:#x}, which is no multiple of 16 bytes", parameter.name,
                          argument.address));
  }
  return {};
}

Result<void> LaunchPlan::check_conditions(const Sizes& sizes) const {
  for (const Condition& condition : conditions_) {
    const auto holds = condition.program.run(std::span(sizes.values));
    if (holds && *holds != 0) continue;
    const vm::Constraint& constraint = condition.constraint;
    const std::string values = values_in(constraint.condition, sizes);
    return at(constraint.span, "BL0407",
              holds ? fmt::format("'{}' does not hold{}{}", constraint.text,
                                  values.empty() ? "" : " for ", values)
                    : fmt::format("'{}' cannot be evaluated: {}", constraint.text,
                                  reason(constraint.condition, sizes)),
              constraint.message);
  }
  return {};
}

Result<void> LaunchPlan::set_grid(const Sizes& sizes, BoundLaunch& bound) const {
  static constexpr std::int64_t kMost[3] = {(std::int64_t{1} << 31) - 1, 65535, 65535};
  bound.grid = {1, 1, 1};
  for (std::size_t axis = 0; axis < grid_.size() && axis < 3; ++axis) {
    const auto blocks = grid_[axis].program.run(std::span(sizes.values));
    if (!blocks || *blocks < 0 || *blocks > kMost[axis]) {
      return at(span_, "BL0411",
                fmt::format("the grid has {} blocks along axis {}; 0 to {} can be launched",
                            reason(grid_[axis].expression, sizes), axis, kMost[axis]));
    }
    bound.grid[axis] = static_cast<unsigned>(*blocks);
  }
  if (bound.grid[0] % static_cast<unsigned>(cluster_) != 0) {
    return at(
        span_, "BL0411",
        fmt::format("the grid has {} blocks along its first axis, which clusters of {} do not "
                    "divide",
                    bound.grid[0], cluster_));
  }
  return {};
}

Result<std::uint64_t> LaunchPlan::scalar(const Parameter& parameter,
                                         const LaunchArgument& argument) const {
  const vm::ElementType type = parameter.type.element;
  const bool is_integer = argument.kind == LaunchArgument::Kind::Integer;
  if (type.is_bool() && is_integer) return argument.integer != 0;
  if (type.is_float()) {
    const double value = is_integer ? static_cast<double>(argument.integer) : argument.real;
    if (type == vm::kF32) return std::bit_cast<std::uint32_t>(static_cast<float>(value));
    return vm::encode(type, value);
  }
  if (is_integer && type.is_integer()) {
    const std::int64_t value = argument.integer;
    if (type.bits == 64) return static_cast<std::uint64_t>(value);
    const std::int64_t high = type.is_signed() ? (std::int64_t{1} << (type.bits - 1)) - 1
                                               : (std::int64_t{1} << type.bits) - 1;
    const std::int64_t low = type.is_signed() ? -high - 1 : 0;
    if (value >= low && value <= high) return static_cast<std::uint64_t>(value);
    return at(parameter.span, "BL0420",
              fmt::format("'{}' is {}, outside {} ({} to {})", parameter.name, value,
                          to_string(type), low, high));
  }
  return at(parameter.span, "BL0420",
            fmt::format("'{}' is a scalar of type {} and was given a fraction", parameter.name,
                        to_string(type)));
}

Result<void> LaunchPlan::bind(std::span<const LaunchArgument> arguments, const BindOptions& options,
                              BoundLaunch& bound) const {
  if (arguments.size() != parameters_.size()) {
    return at(span_, "BL0401",
              fmt::format("kernel '{}' has {} parameters and was given {} arguments", name_,
                          parameters_.size(), arguments.size()));
  }
  Sizes sizes;
  if (auto done = infer(arguments, options, sizes); !done) return done;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (auto done = check_argument(parameters_[i], arguments[i], sizes, options.device); !done)
      return done;
  }
  if (auto done = check_conditions(sizes); !done) return done;
  if (auto done = set_grid(sizes, bound); !done || bound.is_empty()) return done;
  std::size_t maps = 0;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const ParameterValue& value = values_[i];
    const auto source = static_cast<std::size_t>(value.source);
    bound.pointers[i] = &bound.words[i];
    bound.words[i] = 0;
    switch (value.kind) {
      case CudaParameter::Kind::Pointer:
        bound.words[i] = arguments[source].address;
        break;
      case CudaParameter::Kind::Size:
        bound.words[i] = static_cast<std::uint64_t>(sizes.values[source]);
        break;
      case CudaParameter::Kind::Scalar: {
        const Result<std::uint64_t> code = scalar(parameters_[source], arguments[source]);
        if (!code) return tl::make_unexpected(code.error());
        bound.words[i] = *code;
        break;
      }
      case CudaParameter::Kind::TensorMap: {
        cuda::CUtensorMap& map = bound.maps[maps++];
        bound.pointers[i] = &map;
        if (auto done =
                encode_tensor_map(*options.driver, *value.map, parameters_[source].name,
                                  arguments[source].address, arguments[source].extents, map);
            !done) {
          return done;
        }
        break;
      }
    }
  }
  return {};
}

std::string LaunchPlan::describe(const LaunchRecord& record) const {
  std::string text = name_ + "(";
  for (std::size_t i = 0; i < std::min(values_.size(), LaunchRecord::kWords); ++i) {
    const ParameterValue& value = values_[i];
    const auto source = static_cast<std::size_t>(value.source);
    if (value.kind == CudaParameter::Kind::TensorMap) continue;
    if (i > 0) text += ", ";
    if (value.kind == CudaParameter::Kind::Size) {
      text += fmt::format("{} = {}", slots_[source], static_cast<std::int64_t>(record.words[i]));
      continue;
    }
    const Parameter& parameter = parameters_[source];
    if (value.kind == CudaParameter::Kind::Pointer) {
      text += fmt::format("{}: {} at {:#x}", parameter.name, parameter.type_text, record.words[i]);
      continue;
    }
    const vm::ElementType type = parameter.type.element;
    text += parameter.name + " = ";
    text += type.is_float() ? fmt::format("{:.9g}", vm::decode(type, record.words[i]))
                            : fmt::format("{}", static_cast<std::int64_t>(record.words[i]));
  }
  return text +
         fmt::format(") on {} x {} x {} blocks", record.grid[0], record.grid[1], record.grid[2]);
}

}  // namespace bitloom::runtime
