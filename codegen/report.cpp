#include "codegen/report.h"

#include <algorithm>
#include <unordered_map>

#include "vm/ops.h"
#include "vm/passes/scalar_facts.h"

namespace bitloom::codegen {

using layouts::SizeExpr;
using vm::Function;
using vm::Instruction;
using vm::Opcode;
using vm::ValueId;

Work& Work::operator+=(const Work& other) {
  global_read_bytes += other.global_read_bytes;
  global_write_bytes += other.global_write_bytes;
  tensor_f16 += other.tensor_f16;
  tensor_i8 += other.tensor_i8;
  arithmetic += other.arithmetic;
  return *this;
}

Work Work::operator*(double times) const {
  return {global_read_bytes * times, global_write_bytes * times, tensor_f16 * times,
          tensor_i8 * times, arithmetic * times};
}

namespace {

constexpr std::int64_t kOtherwise = 4096;

class Counter {
 public:
  Counter(const Function& function, const ReportOptions& options, const Gpu& gpu)
      : function_(function), facts_(function), options_(options), gpu_(gpu) {}

  // All work of a region, once; notes the loops in it.
  Work region(const vm::Region& region, int depth);
  std::vector<LoopReport> loops;

  std::optional<std::int64_t> evaluate(const SizeExpr& expression) const {
    const auto value = expression.evaluate(
        [&](std::string_view name) -> std::optional<std::int64_t> { return symbol(name); });
    return value ? std::optional(*value) : std::nullopt;
  }
  double bytes_of(const vm::Type& tensor) const;

 private:
  std::optional<std::int64_t> symbol(std::string_view name) const;
  std::optional<std::int64_t> turns(const Instruction& loop) const;
  Work loop(const Instruction& instruction, int depth);
  Work own(const Instruction& instruction) const;
  Work product(ValueId a, ValueId b, double k_factor) const;
  double elements(ValueId value) const {
    const vm::Type& type = function_.type(value);
    double count = 1;
    for (std::int64_t extent : type.shape)
      count *= static_cast<double>(std::max<std::int64_t>(extent, 1));
    return count;
  }
  double tile_bytes(ValueId view, ValueId tile) const {
    return elements(tile) * function_.type(view).element.bits / 8;
  }
  bool global(ValueId value) const { return function_.type(value).space == vm::Space::Global; }

  const Function& function_;
  vm::ScalarFacts facts_;
  const ReportOptions& options_;
  const Gpu& gpu_;
};

// Sizes as stated or assumed; the first block, which is as good as another; nothing of the rest.
std::optional<std::int64_t> Counter::symbol(std::string_view name) const {
  if (name == "device.sms") return gpu_.multiprocessors;
  if (name.starts_with("grid.")) return 0;
  if (name.starts_with("%")) return std::nullopt;
  const auto at = options_.sizes.find(std::string(name));
  return at == options_.sizes.end() ? kOtherwise : at->second;
}

std::optional<std::int64_t> Counter::turns(const Instruction& instruction) const {
  const vm::ForOp op(instruction);
  const auto lower = evaluate(facts_.expression(op.lower()));
  const auto upper = evaluate(facts_.expression(op.upper()));
  const auto step = evaluate(facts_.expression(op.step()));
  if (!lower || !upper || !step || *step <= 0) return std::nullopt;
  return std::max<std::int64_t>((*upper - *lower + *step - 1) / *step, 0);
}

Work Counter::loop(const Instruction& instruction, int depth) {
  LoopReport report;
  report.span = instruction.span;
  report.depth = depth;
  if (instruction.opcode == Opcode::For) report.turns = turns(instruction);
  const std::size_t at = loops.size();
  loops.push_back(report);
  const Work turn = region(instruction.regions[0], depth + 1);
  loops[at].turn = turn;
  return turn * static_cast<double>(report.turns.value_or(1));
}

Work Counter::region(const vm::Region& region, int depth) {
  Work sum;
  for (const vm::InstructionPtr& instruction : region.body) {
    if (instruction->opcode == Opcode::For || instruction->opcode == Opcode::Loop) {
      sum += loop(*instruction, depth);
      continue;
    }
    sum += own(*instruction);
    for (std::size_t r = 0; r < instruction->regions.size(); ++r) {
      double times = 1;
      if (instruction->opcode == Opcode::Roles) {
        const vm::Shape& copies = instruction->shape("copies");
        if (r < copies.size()) times = static_cast<double>(copies[r]);
      }
      if (instruction->opcode == Opcode::Warps) times = function_.threads / 32.0;
      sum += this->region(instruction->regions[r], depth) * times;
    }
  }
  return sum;
}

// 2 m n k operations of the unit that multiplies.
Work Counter::product(ValueId a, ValueId b, double k_factor) const {
  const vm::Type &x = function_.type(a), &y = function_.type(b);
  if (x.shape.size() < 2 || y.shape.size() < 2) return {};
  const double m = static_cast<double>(x.shape[x.shape.size() - 2]);
  const double n = static_cast<double>(y.shape.back());
  const double k = static_cast<double>(x.shape.back()) * k_factor;
  Work work;
  const bool eight = x.element.bits <= 8;
  (eight ? work.tensor_i8 : work.tensor_f16) = 2 * m * n * k * (x.element.bits >= 32 ? 2 : 1);
  return work;
}

Work Counter::own(const Instruction& instruction) const {
  Work work;
  const auto reads = [&](ValueId view, ValueId tile) {
    if (global(view)) work.global_read_bytes += tile_bytes(view, tile);
  };
  const auto writes = [&](ValueId view, ValueId tile) {
    if (global(view)) work.global_write_bytes += tile_bytes(view, tile);
  };
  switch (instruction.opcode) {
    case Opcode::Load: {
      const vm::LoadOp op(instruction);
      reads(op.source(), op.d());
      return work;
    }
    case Opcode::Gather: {
      const vm::GatherOp op(instruction);
      reads(op.source(), op.d());
      return work;
    }
    case Opcode::Store: {
      const vm::StoreOp op(instruction);
      writes(op.target(), op.x());
      return work;
    }
    case Opcode::Scatter: {
      const vm::ScatterOp op(instruction);
      writes(op.target(), op.x());
      return work;
    }
    case Opcode::Atomic: {
      const vm::AtomicOp op(instruction);
      reads(op.target(), op.x());
      writes(op.target(), op.x());
      return work;
    }
    case Opcode::CopyAsync:
    case Opcode::CopyBulk:
    case Opcode::CopyTensor:
      reads(instruction.inputs[1], instruction.inputs[0]);
      return work;
    case Opcode::StoreTensor:
    case Opcode::StoreBulk:
      writes(instruction.inputs[0], instruction.inputs[1]);
      return work;
    case Opcode::Dot: {
      const vm::DotOp op(instruction);
      if (instruction.word("unit") != "fma") return product(op.a(), op.b(), 1);
      work.arithmetic = product(op.a(), op.b(), 1).operations();
      return work;
    }
    case Opcode::SparseDot: {
      const vm::SparseDotOp op(instruction);
      return product(op.a(), op.b(), 1);  // of what is not zero
    }
    case Opcode::DotAsync: {
      const vm::DotAsyncOp op(instruction);
      return product(op.a(), op.b(), 1);
    }
    default:
      break;
  }
  const vm::InstructionInfo& row = vm::info(instruction.opcode);
  const bool computes = row.group == vm::Group::Elementwise || row.group == vm::Group::Reduction;
  if (!computes || instruction.outputs.empty() || instruction.opcode == Opcode::Words) return work;
  const bool reduces = row.group == vm::Group::Reduction && !instruction.inputs.empty();
  const ValueId counted = reduces ? instruction.inputs.back() : instruction.outputs[0];
  if (counted == vm::kNoValue || function_.type(counted).is_scalar()) return work;
  work.arithmetic = elements(counted) * (instruction.opcode == Opcode::Fma ? 2 : 1);
  return work;
}

double Counter::bytes_of(const vm::Type& tensor) const {
  double count = 1;
  for (const SizeExpr& extent : tensor.extents)
    count *= static_cast<double>(evaluate(extent).value_or(kOtherwise));
  return count * tensor.element.bits / 8;
}

Prediction predict(const Report& report, const Gpu& gpu) {
  Prediction result;
  result.gpu = gpu.name;
  const Work all = report.block * report.blocks;
  result.memory_us = report.tensor_bytes / (gpu.memory_gb * 1e3);
  result.compute_us =
      all.tensor_f16 / (gpu.tensor_f16 * 1e6) + all.tensor_i8 / (gpu.tensor_i8 * 1e6);
  // Matrix units and ordinary ones work side by side.
  result.compute_us = std::max(result.compute_us, all.arithmetic / (gpu.f32 * 1e6));
  result.us = std::max(result.memory_us, result.compute_us);
  result.bound = result.memory_us >= result.compute_us ? "memory" : "compute";
  return result;
}

}  // namespace

std::optional<Report> make_report(const Function& lowered, const ReportOptions& options,
                                  vm::Diagnostics& diagnostics) {
  const Gpu& gpu = options.gpu ? *options.gpu : usual_gpu(options.target.sm);
  Report report;
  CudaOptions cuda_options{options.target, {}, {options.sizes, kOtherwise, &report.accesses}};
  const std::optional<CudaText> cuda = print_cuda(lowered, cuda_options, diagnostics);
  if (!cuda) return std::nullopt;
  Counter counter(lowered, options, gpu);
  report.kernel = cuda->kernel;
  report.target = vm::to_string(options.target);
  report.specialization = lowered.specialization;
  for (ValueId size : lowered.sizes) {
    const std::string& name = lowered.value(size).name;
    report.sizes.emplace_back(name, *counter.evaluate(SizeExpr::symbol(name)));
  }
  report.threads = cuda->threads;
  report.shared_bytes = cuda->shared_bytes;
  report.blocks = 1;
  for (const SizeExpr& axis : lowered.grid)
    report.blocks *= static_cast<double>(counter.evaluate(axis).value_or(1));
  report.block = counter.region(lowered.body, 0);
  report.loops = std::move(counter.loops);
  for (const vm::Parameter& parameter : lowered.parameters) {
    const vm::Type& type = lowered.type(parameter.value);
    if (parameter.present && type.space == vm::Space::Global)
      report.tensor_bytes += counter.bytes_of(type);
  }
  std::erase_if(report.accesses,
                [](const MemoryAccess& access) { return access.instructions == 0; });
  report.prediction = predict(report, gpu);
  return report;
}

void add_resources(Report& report, const KernelResources& resources) {
  report.compiled = true;
  report.registers = resources.registers;
  report.local_bytes = resources.local_bytes;
  report.spill_store_bytes = resources.spill_store_bytes;
  report.spill_load_bytes = resources.spill_load_bytes;
  report.barriers = resources.barriers;
  report.instructions = resources.instructions;
  report.shared_bytes += resources.shared_bytes;
  const auto target = vm::Target::parse(report.target);
  report.occupancy =
      occupancy(target ? target->sm : 80, report.threads, report.registers, report.shared_bytes);
}

}  // namespace bitloom::codegen
