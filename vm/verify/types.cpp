#include "vm/verify/rules.h"
#include "vm/verify/structure.h"

namespace bitloom::vm {
namespace {

constexpr int kMostRank = 8;
constexpr int kMostSwizzledBits = 20;  // addresses within 1 MiB: more than any shared memory

std::string complain_shape(const Type& type) {
  if (type.rank() > kMostRank) {
    return fmt::format("has {} dimensions; at most {}", type.rank(), kMostRank);
  }
  if (!type.extents.empty()) {
    if (type.space != Space::Global) return "has extents of launch outside of global memory";
    if (type.shape != Shape(type.extents.size(), -1)) return "has two shapes at once";
    return {};
  }
  std::int64_t elements = 1;
  for (const std::int64_t extent : type.shape) {
    if (extent < 1) return fmt::format("has an extent of {}; extents are 1 and more", extent);
    if (extent > layouts::kMaxElements / elements) {
      return fmt::format("has more than {} elements", layouts::kMaxElements);
    }
    elements *= extent;
  }
  return {};
}

std::string complain_element(const Type& type) {
  if (type.element.bits < 1 || type.element.bits > 64) return "has elements of no known width";
  if (type.is_memory() && type.element.is_bool()) {
    return "holds bool in memory; bool lives in registers: select numbers with it first";
  }
  if (type.packed && !type.is_memory()) return "is packed outside of memory";
  if (type.packed && !type.element.is_narrow()) {
    return fmt::format("is packed, with elements of {} bits; packed types have 8 bits and fewer",
                       type.element.bits);
  }
  return {};
}

std::string complain_layout(const Type& type) {
  if (type.layout) {
    if (!type.is_register()) return "has a register layout outside of registers";
    if (type.layout->shape() != type.shape) {
      return fmt::format("has a layout of a {} tile: {}", layouts::to_string(type.layout->shape()),
                         type.layout->to_string());
    }
  }
  return {};
}

std::string complain_shared(const Type& type) {
  if (!type.shared) return {};
  if (type.space != Space::Shared) return "has a shared layout outside of shared memory";
  if (type.packed) return "has a shared layout besides the order of its packed atom";
  const layouts::SharedLayout& shared = *type.shared;
  if (shared.shape() != type.shape) {
    return fmt::format("has a shared layout of a {} tile", layouts::to_string(shared.shape()));
  }
  if (shared.element_bits() != type.element.bits) {
    return fmt::format("has elements of {} bits where its shared layout counts {}",
                       type.element.bits, shared.element_bits());
  }
  const layouts::Swizzle& swizzle = shared.swizzle();
  // XOR with bits that are themselves changed is no bijection.
  if (swizzle.bits > 0 && swizzle.shift < swizzle.bits) {
    return fmt::format("has a swizzle of {} bits taken from {} bits above; it must be at least {}",
                       swizzle.bits, swizzle.shift, swizzle.bits);
  }
  if (swizzle.base < 0 || swizzle.bits < 0 ||
      swizzle.base + swizzle.bits + swizzle.shift > kMostSwizzledBits) {
    return fmt::format("has a swizzle over address bits up to {}; at most {}",
                       swizzle.base + swizzle.bits + swizzle.shift, kMostSwizzledBits);
  }
  return {};
}

}  // namespace

void verify_types(VerifyContext& context) {
  context.instruction = nullptr;
  const auto count = static_cast<ValueId>(context.function.values.size());
  for (ValueId id = 0; id < count; ++id) {
    const Value& value = context.function.value(id);
    const auto report = [&](std::string_view code, const std::string& complaint) {
      if (complaint.empty()) return true;
      Diagnostic& error = context.fail(code);
      error.span = value.span;
      error << context.described(id) << " and " << complaint;
      return false;
    };
    if (report("BL0214", complain_shape(value.type)) &&
        report("BL0229", complain_element(value.type)) &&
        report("BL0230", complain_layout(value.type))) {
      report("BL0265", complain_shared(value.type));
    }
  }
}

}  // namespace bitloom::vm
