#include "runtime/pack.h"

#include <fmt/format.h>

namespace bitloom::runtime {

Result<Tensor> pack(const layouts::PackedAtom& atom, vm::ElementType element,
                    const HostArray& codes, const Stream& stream) {
  if (codes.type() != element && codes.type() != vm::kU8) {
    return failure(
        "BL0403",
        fmt::format("codes of {} are {}", vm::to_string(element), vm::to_string(codes.type())),
        "give them as u8, one a byte");
  }
  Result<HostArray> checked = HostArray(codes).with_type(element);
  if (!checked) return tl::make_unexpected(checked.error());
  Result<Tensor> tensor = Tensor::allocate_packed(stream.device(), element, codes.shape(), atom);
  if (!tensor) return tensor;
  if (auto done = tensor->upload(*checked, stream); !done) return tl::make_unexpected(done.error());
  return tensor;
}

Result<Tensor> pack(const Kernel& kernel, std::string_view parameter, const HostArray& codes,
                    const Stream& stream) {
  const Result<const vm::Function*> function = kernel.function(stream.device());
  if (!function) return tl::make_unexpected(function.error());
  for (const vm::Parameter& candidate : (*function)->parameters) {
    const vm::Value& value = (*function)->value(candidate.value);
    if (value.name == parameter && value.type.packed)
      return pack(*value.type.packed, value.type.element, codes, stream);
  }
  return failure("BL0402",
                 fmt::format("kernel '{}' has no packed parameter '{}'", kernel.name(), parameter));
}

Result<HostArray> unpack(const Tensor& packed, const Stream& stream) {
  return packed.to_host(stream);
}

}  // namespace bitloom::runtime
