// A launch: what is given is checked, the function compiled for it, the grid run.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "vm/absent_sizes.h"
#include "vm/interpreter/compiler.h"
#include "vm/interpreter/global_shadow.h"
#include "vm/interpreter/interpreter.h"
#include "vm/interpreter/machine.h"
#include "vm/residency.h"

namespace bitloom::vm {
namespace {

using interpreter::Bindings;
using interpreter::Program;

std::string parameter_name(const Function& function, std::size_t index) {
  const std::string& name = function.value(function.parameters[index].value).name;
  return name.empty() ? fmt::format("parameter {}", index) : name;
}

// ---- What is given ------------------------------------------------------------------------------

class LaunchCheck {
 public:
  LaunchCheck(const Function& function, const LaunchOptions& options, Diagnostics& diagnostics)
      : function_(function), options_(options), diagnostics_(diagnostics) {}

  bool run(const std::map<std::string, std::int64_t>& sizes, std::span<const Argument> arguments,
           Bindings& bindings) {
    bindings.sizes = sizes;
    bindings.arguments = arguments;
    bindings.extents.resize(function_.parameters.size());
    lookup_ = [&bindings, this](std::string_view name) -> std::optional<std::int64_t> {
      if (name == "device.sms") return options_.device_sms;
      const auto found = bindings.sizes.find(std::string(name));
      if (found == bindings.sizes.end()) return std::nullopt;
      return found->second;
    };
    const std::size_t before = diagnostics_.error_count();
    if (arguments.size() < function_.parameters.size()) {
      diagnostics_.error("BL0401", function_.span)
          << function_.name << " has " << function_.parameters.size() << " parameters, and "
          << arguments.size() << " arguments are given";
      return false;
    }
    infer_sizes(bindings, arguments);
    check_sizes(bindings);
    if (diagnostics_.error_count() != before) return false;
    for (std::size_t i = 0; i < function_.parameters.size(); ++i)
      check_argument(i, arguments[i], bindings);
    check_constraints();
    return diagnostics_.error_count() == before;
  }

  // Blocks along each axis; the cluster must divide the first.
  bool grid(std::array<std::int64_t, 3>& grid) {
    static constexpr std::int64_t kMost[3] = {(std::int64_t{1} << 31) - 1, 65535, 65535};
    for (std::size_t axis = 0; axis < function_.grid.size() && axis < 3; ++axis) {
      const auto value = evaluate(function_.grid[axis], "the grid");
      if (!value) return false;
      if (*value < 0 || *value > kMost[axis]) {
        diagnostics_.error("BL0411", function_.span)
            << "the grid has " << *value << " blocks along axis " << axis << "; 0 to "
            << kMost[axis] << " can be launched";
        return false;
      }
      grid[axis] = *value;
    }
    if (function_.threads < 1 || function_.threads > 1024) {
      diagnostics_.error("BL0411", function_.span)
          << "a block has 1 to 1024 threads, not " << function_.threads;
      return false;
    }
    if (function_.cluster < 1 || grid[0] % function_.cluster != 0) {
      diagnostics_.error("BL0411", function_.span)
          << "the grid has " << grid[0] << " blocks along its first axis, which clusters of "
          << function_.cluster << " do not divide";
      return false;
    }
    return is_resident(grid[0] * grid[1] * grid[2]);
  }

 private:
  // Blocks that wait for one another must all be on the device.
  bool is_resident(std::int64_t blocks) {
    if (!function_.resident) return true;
    const std::int64_t each = resident_blocks_per_multiprocessor(function_);
    const std::int64_t most = each * options_.device_sms;
    if (blocks <= most) return true;
    diagnostics_.error("BL0415", function_.span)
        << "the grid has " << blocks << " blocks and must be resident; " << most << " fit at once, "
        << each << " on each of " << options_.device_sms << " multiprocessors";
    diagnostics_.last().hint(
        "size the grid from device.sms and let each block walk over several tiles");
    return false;
  }

  std::optional<std::int64_t> evaluate(const layouts::SizeExpr& expression, std::string_view what) {
    const auto value = expression.evaluate(lookup_);
    if (value) return *value;
    diagnostics_.error("BL0406", function_.span)
        << what << ": " << expression.to_string() << ": " << value.error();
    return std::nullopt;
  }

  // Sizes that stand alone as an extent follow from the tensors.
  void infer_sizes(Bindings& bindings, std::span<const Argument> arguments) {
    for (std::size_t i = 0; i < function_.parameters.size(); ++i) {
      const auto* tensor = std::get_if<TensorArgument>(&arguments[i]);
      if (!tensor) continue;
      const Type& type = function_.type(function_.parameters[i].value);
      for (std::size_t d = 0; d < type.extents.size() && d < tensor->extents.size(); ++d) {
        if (type.extents[d].is_symbol())
          bindings.sizes.emplace(type.extents[d].name(), tensor->extents[d]);
      }
    }
    for (const std::string& name : absent_sizes(function_)) bindings.sizes.emplace(name, 0);
  }

  void check_sizes(const Bindings& bindings) {
    for (ValueId size : function_.sizes) {
      const std::string& name = function_.value(size).name;
      const auto found = bindings.sizes.find(name);
      if (found == bindings.sizes.end()) {
        diagnostics_.error("BL0406", function_.span)
            << "the size " << name << " of " << function_.name
            << " is not given and follows from no argument";
      } else if (found->second < 0) {
        diagnostics_.error("BL0418", function_.span)
            << "the size " << name << " is " << found->second << "; sizes are 0 and more";
      }
    }
  }

  void check_argument(std::size_t index, const Argument& argument, Bindings& bindings) {
    const Parameter& parameter = function_.parameters[index];
    const Value& value = function_.value(parameter.value);
    const std::string name = parameter_name(function_, index);
    const bool absent = std::holds_alternative<std::monostate>(argument);
    if (!parameter.present) return;
    if (absent) {
      diagnostics_.error("BL0401", value.span) << "no argument is given for " << name;
      return;
    }
    const auto* tensor = std::get_if<TensorArgument>(&argument);
    if (value.type.is_scalar() == (tensor != nullptr)) {
      diagnostics_.error("BL0403", value.span)
          << name << " is " << to_string(value.type) << " and is given "
          << (tensor ? "a tensor" : "a scalar");
      return;
    }
    if (tensor) check_tensor(value, name, *tensor, bindings.extents[index]);
  }

  void check_tensor(const Value& value, const std::string& name, const TensorArgument& tensor,
                    Shape& extents) {
    const Type& type = value.type;
    if (tensor.extents.size() != type.extents.size()) {
      diagnostics_.error("BL0404", value.span)
          << name << " is " << to_string(type) << " of " << type.extents.size()
          << " dimensions and is given " << layouts::to_string(tensor.extents);
      return;
    }
    for (std::size_t d = 0; d < type.extents.size(); ++d) {
      const auto extent = evaluate(type.extents[d], name);
      if (!extent) return;
      if (*extent != tensor.extents[d]) {
        diagnostics_.error("BL0405", value.span)
            << name << " has the extent " << type.extents[d].to_string() << " = " << *extent
            << " along dimension " << d << " and is given " << tensor.extents[d];
        return;
      }
    }
    extents = tensor.extents;
    std::int64_t bytes = 0;
    if (type.packed && extents.size() >= 2) {
      const std::size_t rank = extents.size();
      bytes =
          layouts::PackedTensorLayout(*type.packed, extents[rank - 1], extents[rank - 2]).bytes();
      for (std::size_t d = 0; d + 2 < rank; ++d) bytes *= extents[d];
    } else {
      bytes = (layouts::size(extents) * type.element.bits + 7) / 8;
    }
    if (static_cast<std::int64_t>(tensor.bytes) < bytes || (bytes > 0 && !tensor.data)) {
      diagnostics_.error("BL0421", value.span)
          << name << " of extents " << layouts::to_string(extents) << " takes " << bytes
          << " bytes and is given " << (tensor.data ? tensor.bytes : 0);
    }
  }

  void check_constraints() {
    for (const Constraint& constraint : function_.constraints) {
      const auto holds = evaluate(constraint.condition, "a condition of the kernel");
      if (!holds || *holds != 0) continue;
      std::string values;
      for (const std::string& symbol : constraint.condition.symbols()) {
        if (const auto number = lookup_(symbol))
          values += fmt::format("{}{} = {}", values.empty() ? "" : ", ", symbol, *number);
      }
      Diagnostic& added = diagnostics_.error("BL0407", constraint.span);
      added << "the condition " << constraint.text << " of " << function_.name << " does not hold"
            << (values.empty() ? "" : " with ") << values;
      if (!constraint.message.empty()) added.hint(constraint.message);
    }
  }

  const Function& function_;
  const LaunchOptions& options_;
  Diagnostics& diagnostics_;
  layouts::SizeExpr::Lookup lookup_;
};

// ---- What comes back ----------------------------------------------------------------------------

void slowest_first(std::vector<ProfileEntry>& entries) {
  std::erase_if(entries, [](const ProfileEntry& e) { return e.count == 0; });
  std::stable_sort(
      entries.begin(), entries.end(),
      [](const ProfileEntry& a, const ProfileEntry& b) { return a.seconds > b.seconds; });
}

void fill_profile(const Program& program, const std::vector<interpreter::Profile>& profiles,
                  LaunchReport& report) {
  report.by_opcode.resize(all_instructions().size());
  report.by_line.resize(program.lines.size());
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const interpreter::Step& step = *program.steps[i];
    if (!step.instruction) continue;
    const InstructionInfo& row = info(step.instruction->opcode);
    ProfileEntry& opcode = report.by_opcode[static_cast<std::size_t>(row.opcode)];
    ProfileEntry& line = report.by_line[step.line];
    opcode.name = row.mnemonic;
    line.span = program.lines[step.line];
    for (const interpreter::Profile& profile : profiles) {
      const double seconds = 1e-9 * static_cast<double>(profile.nanoseconds[i]);
      opcode.count += profile.count[i];
      opcode.seconds += seconds;
      line.count += profile.count[i];
      line.seconds += seconds;
    }
  }
  slowest_first(report.by_opcode);
  slowest_first(report.by_line);
}

}  // namespace

bool launch(const Function& function, const std::map<std::string, std::int64_t>& sizes,
            std::span<const Argument> arguments, const LaunchOptions& options,
            Diagnostics& diagnostics, LaunchReport* report) {
  const auto begin = std::chrono::steady_clock::now();
  Bindings bindings;
  Program program;
  LaunchCheck check(function, options, diagnostics);
  if (!check.run(sizes, arguments, bindings) || !check.grid(program.grid)) return false;
  if (!interpreter::Compiler(function, bindings, program, diagnostics).run()) return false;

  interpreter::Faults faults(std::max<std::int64_t>(1, options.max_diagnostics));
  interpreter::Grid grid(program, options, faults);
  grid.clusters = program.grid[0] * program.grid[1] * program.grid[2] / function.cluster;
  int workers =
      options.workers > 0 ? options.workers : static_cast<int>(std::thread::hardware_concurrency());
  workers = static_cast<int>(
      std::clamp<std::int64_t>(workers, 1, std::max<std::int64_t>(1, grid.clusters)));
  std::vector<interpreter::Profile> profiles;
  if (report) {
    profiles.resize(static_cast<std::size_t>(workers));
    for (interpreter::Profile& profile : profiles) {
      profile.count.resize(program.steps.size());
      profile.nanoseconds.resize(program.steps.size());
    }
  }
  std::optional<interpreter::GlobalShadow> shadow;
  if (options.checks) grid.shadow = &shadow.emplace(program, grid.clusters);
  run_grid(grid, workers, report ? &profiles : nullptr);
  faults.deliver(diagnostics);
  if (report) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    report->steps = grid.steps.load();
    report->seconds = passed.count();
    fill_profile(program, profiles, *report);
  }
  return !faults.any();
}

}  // namespace bitloom::vm
