#include "vm/element_type.h"

#include <gmock/gmock.h>

#include <set>

namespace bitloom::vm {
namespace {

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const ElementType type : all_element_types()) all.push_back(to_string(type));
  return all;
}

TEST(ElementType, EveryTypeHasOneNameAndIsFoundByIt) {
  const auto all = names();
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  for (const ElementType type : all_element_types())
    EXPECT_EQ(parse_element_type(to_string(type)), type) << to_string(type);
}

TEST(ElementType, StandInDocumentedOrder) {
  EXPECT_THAT(names(),
              testing::ElementsAre("u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u16", "u32",
                                   "u64", "i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8", "i16",
                                   "i32", "i64", "f16", "bf16", "tf32", "f32", "f64", "e1m1",
                                   "e1m2", "e1m3", "e1m4", "e1m5", "e1m6", "e2m0", "e2m1", "e2m2",
                                   "e2m3", "e2m4", "e2m5", "e3m0", "e3m1", "e3m2", "e3m3", "e3m4",
                                   "e4m0", "e4m1", "e4m2", "e4m3", "e5m2", "e8m0", "bool"));
}

TEST(ElementType, NamesStandForTheirConstants) {
  EXPECT_EQ(parse_element_type("f16"), kF16);
  EXPECT_EQ(parse_element_type("bf16"), kBF16);
  EXPECT_EQ(parse_element_type("tf32"), kTF32);
  EXPECT_EQ(parse_element_type("e4m3"), kE4M3);
  EXPECT_EQ(parse_element_type("e5m2"), kE5M2);
  EXPECT_EQ(parse_element_type("e8m0"), kE8M0);
  EXPECT_EQ(parse_element_type("u3"), unsigned_type(3));
  EXPECT_EQ(parse_element_type("i64"), kI64);
}

TEST(ElementType, CodebooksOfOneToEightBitsAreTypes) {
  for (int bits = 1; bits <= 8; ++bits) {
    const ElementType type = codebook_type(bits);
    EXPECT_EQ(parse_element_type(to_string(type)), type);
    EXPECT_TRUE(type.is_narrow());
  }
}

TEST(ElementType, AnythingElseIsNoType) {
  for (const char* text : {"",
                           "u",
                           "u0",
                           "u9",
                           "u04",
                           "u128",
                           "i0",
                           "i12",
                           "f8",
                           "f",
                           "e0m3",
                           "e1m0",
                           "e1m7",
                           "e2m6",
                           "e4m4",
                           "e5m0",
                           "e5m1",
                           "e5m3",
                           "e8m1",
                           "e4m",
                           "em3",
                           "e4m3 ",
                           " e4m3",
                           "e04m3",
                           "E4M3",
                           "codebook",
                           "codebook<>",
                           "codebook<0>",
                           "codebook<9>",
                           "codebook<4",
                           "codebook<4>>",
                           "Bool",
                           "int",
                           "e4m-1",
                           "u-1",
                           "u+1"})
    EXPECT_EQ(parse_element_type(text), std::nullopt) << text;
}

}  // namespace
}  // namespace bitloom::vm
