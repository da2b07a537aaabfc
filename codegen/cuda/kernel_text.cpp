// The frame of the text: head, parameters, what every kernel begins with.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "codegen/cuda.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/kernel_writer.h"
#include "vm/passes/plan_shared_memory.h"

namespace bitloom::codegen {
namespace {

using vm::Function;
using vm::ValueId;

std::string kernel_name(const Function& function) {
  std::string name;
  for (char c : function.name) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0 ? "k_" + name
                                                                                : name;
}

// Where a parameter's value arrives; scalars of types without a C++ type arrive as their code.
std::string parameter_type(const CudaParameter& parameter, const Function& function) {
  switch (parameter.kind) {
    case CudaParameter::Kind::Pointer:
      return "unsigned char*";
    case CudaParameter::Kind::Size:
      return "const s64";
    case CudaParameter::Kind::TensorMap:
      return "const __grid_constant__ TensorMap";
    case CudaParameter::Kind::Scalar:
      break;
  }
  const vm::ElementType element = function.type(parameter.value).element;
  if (element == vm::kF32) return "const float";
  if (element == vm::kF64) return "const double";
  if (element.is_bool()) return "const bool";
  switch (parameter.bytes) {
    case 1:
      return "const u8";
    case 2:
      return "const u16";
    case 4:
      return element.is_signed() ? "const int" : "const u32";
    default:
      return element.is_signed() ? "const s64" : "const u64";
  }
}

int scalar_bytes(vm::ElementType element) {
  if (element.is_bool()) return 1;
  return element.bits <= 8 ? 1 : element.bits / 8;
}

std::vector<CudaParameter> parameters_of(const Function& function) {
  std::vector<CudaParameter> result;
  for (const vm::Parameter& parameter : function.parameters) {
    if (parameter.present && function.type(parameter.value).space == vm::Space::Global) {
      result.push_back(
          {CudaParameter::Kind::Pointer, function.value(parameter.value).name, parameter.value, 8});
    }
  }
  for (const vm::Parameter& parameter : function.parameters) {
    const vm::Type& type = function.type(parameter.value);
    if (parameter.present && type.is_register()) {
      result.push_back({CudaParameter::Kind::Scalar, function.value(parameter.value).name,
                        parameter.value, scalar_bytes(type.element)});
    }
  }
  for (ValueId size : function.sizes) {
    result.push_back({CudaParameter::Kind::Size, function.value(size).name, size, 8});
  }
  const bool counted = std::ranges::any_of(function.parameters, [&](const vm::Parameter& p) {
    return std::ranges::any_of(function.type(p.value).extents, [](const layouts::SizeExpr& extent) {
      return std::ranges::count(extent.symbols(), kMultiprocessors) > 0;
    });
  });
  if (counted)
    result.push_back({CudaParameter::Kind::Size, std::string(kMultiprocessors), vm::kNoValue, 8});
  return result;
}

class KernelText {
 public:
  KernelText(const Function& function, const CudaOptions& options, vm::Diagnostics& diagnostics)
      : function_(function),
        options_(options),
        diagnostics_(diagnostics),
        out_(function, options, diagnostics) {}

  std::optional<CudaText> print();

 private:
  void define_parameters();
  void define_tensor(ValueId parameter);
  void begin_strand();
  void initialise_barriers();
  bool fits() const;
  std::string head() const;

  const Function& function_;
  const CudaOptions& options_;
  vm::Diagnostics& diagnostics_;
  KernelWriter out_;
  CudaText result_;
};

std::optional<CudaText> KernelText::print() {
  result_.kernel = kernel_name(function_);
  result_.threads = function_.threads;
  result_.cluster = function_.cluster;
  result_.parameters = parameters_of(function_);
  const std::size_t errors = diagnostics_.error_count();
  begin_strand();
  define_parameters();
  initialise_barriers();
  out_.emit_region(function_.body);
  if (diagnostics_.error_count() != errors || !fits()) return std::nullopt;
  for (const auto& [name, spec] : out_.tensor_maps()) {
    result_.parameters.push_back({CudaParameter::Kind::TensorMap,
                                  function_.value(spec.parameter).name, spec.parameter, 128, spec});
  }
  result_.shared_bytes = out_.shared_bytes();
  result_.text = head();
  result_.text += out_.take_text();
  result_.text += "}\n";
  return std::move(result_);
}

void KernelText::begin_strand() {
  Strand strand;
  strand.thread = "tid";
  strand.threads = function_.threads;
  strand.scratch_group = "block";
  strand.scratch = "(sm + scratch_block)";
  vm::walk(function_.body, [&](const vm::Instruction& instruction) {
    strand.votes |= instruction.opcode == vm::Opcode::DotAsync;
  });
  out_.push(std::move(strand));
}

void KernelText::define_parameters() {
  for (ValueId size : function_.sizes) {
    out_.define(size,
                {Register::Kind::Scalar, out_.name_of(size), function_.type(size).element, 1});
  }
  for (const CudaParameter& parameter : result_.parameters) {
    const ValueId id = parameter.value;
    if (parameter.kind == CudaParameter::Kind::Pointer) define_tensor(id);
    if (parameter.kind != CudaParameter::Kind::Scalar) continue;
    const vm::ElementType element = function_.type(id).element;
    const std::string name = out_.name_of(id);
    std::string code = name + "_p";
    if (element == vm::kF32) code = "__float_as_uint(" + code + ")";
    if (element == vm::kF64) code = "(u64)__double_as_longlong(" + code + ")";
    if (element.is_integer() && element.bits < 32) code = mask_code(element, "(u32)" + code);
    out_.define_scalar(id, code);
  }
}

// Extents and strides get names, so that the text stays readable; unused ones cost nothing.
void KernelText::define_tensor(ValueId parameter) {
  const vm::Type& type = function_.type(parameter);
  auto root = std::make_shared<MemoryRoot>();
  root->value = parameter;
  root->element = type.element;
  root->packed = type.packed;
  const std::string name = out_.name_of(parameter);
  root->base = "(u64)" + name;
  const std::size_t rank = type.extents.size();
  for (std::size_t d = 0; d < rank; ++d) {
    const std::string text = out_.size_expression(type.extents[d]);
    if (type.extents[d].is_constant() || type.extents[d].is_symbol()) {
      root->extents.push_back(text);
      continue;
    }
    root->extents.push_back(fmt::format("{}_n{}", name, d));
    out_.line("const s64 {} = {};", root->extents.back(), text);
  }
  root->strides.assign(rank, "1");
  for (std::size_t d = rank; d-- > 1;) {
    if (root->strides[d] == "1") {
      root->strides[d - 1] = root->extents[d];
      continue;
    }
    root->strides[d - 1] = fmt::format("{}_s{}", name, d - 1);
    out_.line("const s64 {} = {} * {};", root->strides[d - 1], root->strides[d], root->extents[d]);
  }
  if (type.packed && rank >= 2) {
    const auto columns = type.packed->columns();
    root->atoms_k = fmt::format("{}_atoms", name);
    out_.line("const s64 {} = ({} + {}) / {};", root->atoms_k, root->extents[rank - 2], columns - 1,
              columns);
  }
  MemoryView view;
  view.root = root;
  view.origin.resize(rank);
  for (std::size_t d = 0; d < rank; ++d) {
    view.dims.push_back(static_cast<int>(d));
    view.extents.push_back(type.extents[d].constant().value_or(-1));
  }
  out_.define_view(parameter, std::move(view));
}

// mbarriers are ready before the block begins; of a cluster, before any of its blocks does.
void KernelText::initialise_barriers() {
  constexpr std::int64_t kBytes = 8;
  std::vector<const vm::Instruction*> barriers;
  vm::walk(function_.body, [&](const vm::Instruction& instruction) {
    if (instruction.opcode == vm::Opcode::BarrierAlloc) barriers.push_back(&instruction);
  });
  if (barriers.empty()) return;
  out_.open("if (tid == 0)");
  for (const vm::Instruction* barrier : barriers) {
    const std::int64_t number = layouts::size(function_.type(barrier->outputs[0]).shape);
    for (std::int64_t i = 0; i < number; ++i) {
      out_.line("{};", out_.call("mbarrier_init",
                                 fmt::format("sm + {}", barrier->integer("offset") + i * kBytes),
                                 fmt::format("{}", barrier->integer("count", 1))));
    }
  }
  if (options_.target.sm >= 90) out_.line("{};", out_.call("mbarrier_init_fence"));
  out_.close();
  out_.line("{};", out_.call(function_.cluster > 1 ? "cluster_sync" : "sync_block"));
}

bool KernelText::fits() const {
  const std::int64_t limit = vm::shared_memory_limit(options_.target);
  const std::int64_t needed = out_.shared_bytes();
  if (needed <= limit) return true;
  diagnostics_.error("BL0303", function_.span)
      << "kernel '" << function_.name << "' needs " << function_.shared_bytes
      << " bytes of shared memory for its tiles and " << needed - function_.shared_bytes
      << " for exchanges between threads where " << vm::to_string(options_.target) << " has "
      << limit << " for a block";
  return false;
}

std::string KernelText::head() const {
  std::string text = fmt::format("// {}", function_.name);
  for (const auto& [name, value] : function_.specialization)
    text += fmt::format(" {}={}", name, value);
  text += fmt::format(" for {}\n", vm::to_string(options_.target));
  text += out_.prelude().text();
  if (!out_.tensor_maps().empty()) text += "struct alignas(64) TensorMap { u64 opaque[16]; };\n";
  text += fmt::format("extern \"C\" __global__ void __launch_bounds__({}, {})", function_.threads,
                      std::max(function_.min_blocks, 1));
  if (function_.cluster > 1) text += fmt::format(" __cluster_dims__({}, 1, 1)", function_.cluster);
  text += fmt::format(" {}(", result_.kernel);
  std::size_t map = 0;
  for (std::size_t i = 0; i < result_.parameters.size(); ++i) {
    const CudaParameter& parameter = result_.parameters[i];
    std::string name = parameter.value == vm::kNoValue ? std::string(kMultiprocessorsName)
                                                       : out_.name_of(parameter.value);
    if (parameter.kind == CudaParameter::Kind::TensorMap) name = out_.tensor_maps()[map++].first;
    if (parameter.kind == CudaParameter::Kind::Scalar) name += "_p";
    text += fmt::format("{}\n    {} {}", i ? "," : "", parameter_type(parameter, function_), name);
  }
  text += ") {\n";
  if (result_.shared_bytes > 0) {
    text += "  extern __shared__ __align__(1024) unsigned char shared[];\n";
    text += "  const u32 sm = (u32)__cvta_generic_to_shared(shared);\n";
    for (const std::string& line : out_.scratch_constants()) text += "  " + line + "\n";
  }
  text += "  const u32 tid = threadIdx.x;\n";
  return text;
}

}  // namespace

std::optional<CudaText> print_cuda(const Function& lowered, const CudaOptions& options,
                                   vm::Diagnostics& diagnostics) {
  return KernelText(lowered, options, diagnostics).print();
}

}  // namespace bitloom::codegen
