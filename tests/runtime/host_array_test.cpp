// Arrays of the host.
#include <gtest/gtest.h>

#include "runtime/host/array.h"

namespace bitloom::runtime {
namespace {

TEST(HostArray, IsDenseAndRowMajor) {
  const auto array = HostArray::zeros(vm::kF16, {2, 3, 4});
  ASSERT_TRUE(array);
  EXPECT_EQ(array->size(), 24u);
  EXPECT_EQ(array->bytes().size(), 48u);
  EXPECT_EQ(array->strides(), (Shape{12, 4, 1}));
  for (std::size_t i = 0; i < array->size(); ++i) EXPECT_EQ(array->code(i), 0u);
}

TEST(HostArray, AScalarHasOneElementAndAnEmptyArrayNone) {
  EXPECT_EQ(HostArray::zeros(vm::kF32, {})->size(), 1u);
  EXPECT_EQ(HostArray::zeros(vm::kF32, {4, 0, 3})->size(), 0u);
  EXPECT_EQ(HostArray().size(), 0u);
}

TEST(HostArray, ANarrowElementTakesOneByte) {
  for (const vm::ElementType type : {vm::unsigned_type(3), vm::float_type(2, 1), vm::kE8M0,
                                     vm::codebook_type(4), vm::kBool, vm::kI8})
    EXPECT_EQ(host_bytes(type), 1u) << vm::to_string(type);
  EXPECT_EQ(host_bytes(vm::kTF32), 4u);
  EXPECT_EQ(host_bytes(vm::kF64), 8u);
}

TEST(HostArray, CodesComeBackAsTheyWerePut) {
  for (const vm::ElementType type : vm::all_element_types()) {
    auto array = HostArray::zeros(type, {3});
    ASSERT_TRUE(array);
    const std::uint64_t code =
        type.bits == 64 ? ~0ull : (1ull << (type.is_bool() ? 1 : type.bits)) - 1;
    array->set_code(1, code);
    EXPECT_EQ(array->code(0), 0u);
    EXPECT_EQ(array->code(1), code) << vm::to_string(type);
    EXPECT_EQ(array->code(2), 0u);
  }
}

TEST(HostArray, RefusesShapesThatCannotBe) {
  const auto code_of = [](const Shape& shape) {
    return HostArray::zeros(vm::kF64, shape).error().code;
  };
  const std::int64_t huge = std::int64_t{1} << 62;
  EXPECT_EQ(code_of({-1}), "BL0612");
  EXPECT_EQ(code_of({huge, huge}), "BL0612");
  EXPECT_EQ(code_of({huge}), "BL0612");
  EXPECT_EQ(code_of(Shape(kMaxRank + 1, 1)), "BL0612");
#ifndef __SANITIZE_ADDRESS__  // it ends the process instead
  EXPECT_EQ(code_of({huge / 16}), "BL0903");
#endif
  EXPECT_EQ(*byte_count(vm::kF64, {huge, 0, huge}), 0u);
}

TEST(HostArray, TakesAnotherTypeWhenTheCodesFit) {
  auto codes = HostArray::zeros(vm::kU8, {2});
  codes->as<std::uint8_t>()[1] = 15;
  auto nibbles = std::move(*codes).with_type(vm::unsigned_type(4));
  ASSERT_TRUE(nibbles);
  EXPECT_EQ(nibbles->code(1), 15u);
  const auto three = std::move(*nibbles).with_type(vm::unsigned_type(3));
  EXPECT_EQ(three.error().code, "BL0417");
  EXPECT_EQ(three.error().message, "element 1 is 15, but the codes of u3 end at 7");
  EXPECT_EQ(HostArray::zeros(vm::kF32, {2})->size(), 2u);
  EXPECT_EQ(std::move(*HostArray::zeros(vm::kF32, {2})).with_type(vm::kF16).error().code, "BL0403");
}

TEST(HostArray, TakesAnotherShapeWithAsManyElements) {
  EXPECT_EQ(std::move(*HostArray::zeros(vm::kF32, {6})).with_shape({2, 3})->shape(), (Shape{2, 3}));
  const auto wrong = std::move(*HostArray::zeros(vm::kF32, {6})).with_shape({2, 4});
  EXPECT_EQ(wrong.error().message, "an array of shape [6] cannot take the shape [2, 4]");
}

}  // namespace
}  // namespace bitloom::runtime
