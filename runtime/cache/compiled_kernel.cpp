#include "runtime/cache/compiled_kernel.h"

#include <algorithm>

#include "runtime/cache/byte_stream.h"

namespace bitloom::runtime {
namespace {

using codegen::CudaParameter;

// More than any device has of each; a file that says more is damaged.
constexpr std::int64_t kMostParameters = 4096, kMostShared = 1 << 24, kMostThreads = 1024,
                       kMostCluster = 64, kMostBytes = 1 << 20, kMostRank = 32;

void write(const CudaParameter& parameter, ByteWriter& out) {
  out.number(static_cast<std::uint64_t>(parameter.kind));
  out.text(parameter.name);
  out.number(static_cast<std::uint64_t>(parameter.bytes));
  if (!parameter.map) return;
  out.text(vm::to_string(parameter.map->element));
  out.number(parameter.map->box.size());
  for (std::int64_t extent : parameter.map->box) out.number(static_cast<std::uint64_t>(extent));
  out.number(static_cast<std::uint64_t>(parameter.map->swizzle_bytes));
}

std::optional<codegen::TensorMapSpec> read_map(ByteReader& in) {
  codegen::TensorMapSpec map;
  const auto element = vm::parse_element_type(in.text());
  if (!element) return std::nullopt;
  map.element = *element;
  const std::int64_t rank = in.number(kMostRank);
  for (std::int64_t d = 0; d < rank; ++d) map.box.push_back(in.number(kMostBytes));
  map.swizzle_bytes = static_cast<int>(in.number(kMostBytes));
  return map;
}

std::optional<CudaParameter> read_parameter(ByteReader& in) {
  CudaParameter parameter;
  const std::int64_t kind = in.number(static_cast<std::int64_t>(CudaParameter::Kind::TensorMap));
  parameter.kind = static_cast<CudaParameter::Kind>(kind);
  parameter.name = in.text();
  parameter.bytes = static_cast<int>(in.number(kMostBytes));
  if (parameter.kind == CudaParameter::Kind::TensorMap && in.ok()) {
    parameter.map = read_map(in);
    if (!parameter.map) return std::nullopt;
  }
  if (!in.ok()) return std::nullopt;
  return parameter;
}

vm::ValueId find_parameter(const vm::Function& function, const CudaParameter& parameter) {
  const auto named = [&](vm::ValueId id) { return function.value(id).name == parameter.name; };
  if (parameter.kind == CudaParameter::Kind::Size) {
    const auto at = std::ranges::find_if(function.sizes, named);
    return at == function.sizes.end() ? vm::kNoValue : *at;
  }
  const auto at = std::ranges::find_if(function.parameters,
                                       [&](const vm::Parameter& p) { return named(p.value); });
  return at == function.parameters.end() ? vm::kNoValue : at->value;
}

}  // namespace

bool CompiledKernel::resolve(const vm::Function& function) {
  for (CudaParameter& parameter : parameters) {
    if (parameter.kind == CudaParameter::Kind::Size && parameter.name == codegen::kMultiprocessors)
      continue;  // of the GPU, not of the function
    parameter.value = find_parameter(function, parameter);
    if (parameter.value == vm::kNoValue) return false;
    if (parameter.map) parameter.map->parameter = parameter.value;
  }
  return true;
}

std::vector<std::byte> serialize(const CompiledKernel& kernel) {
  ByteWriter out;
  out.text(kernel.kernel);
  out.text(kernel.target);
  out.number(static_cast<std::uint64_t>(kernel.shared_bytes));
  out.number(static_cast<std::uint64_t>(kernel.threads));
  out.number(static_cast<std::uint64_t>(kernel.cluster));
  out.number(kernel.parameters.size());
  for (const CudaParameter& parameter : kernel.parameters) write(parameter, out);
  out.block(kernel.cubin);
  out.text(kernel.log);
  return out.take();
}

std::optional<CompiledKernel> deserialize(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  CompiledKernel kernel;
  kernel.kernel = in.text();
  kernel.target = in.text();
  kernel.shared_bytes = in.number(kMostShared);
  kernel.threads = static_cast<int>(in.number(kMostThreads));
  kernel.cluster = static_cast<int>(in.number(kMostCluster));
  const std::int64_t parameters = in.number(kMostParameters);
  for (std::int64_t i = 0; i < parameters; ++i) {
    auto parameter = read_parameter(in);
    if (!parameter) return std::nullopt;
    kernel.parameters.push_back(std::move(*parameter));
  }
  const auto cubin = in.block();
  kernel.cubin.assign(cubin.begin(), cubin.end());
  kernel.log = in.text();
  if (!in.at_end()) return std::nullopt;
  return kernel;
}

}  // namespace bitloom::runtime
