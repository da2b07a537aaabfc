// Checkpoints that are not what they claim. Each is refused by name, and none costs more than its
// own size.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "runtime/host/safetensors.h"
#include "tests/runtime/safetensors_file.h"

namespace bitloom::runtime {
namespace {

using tests::safetensors;

Result<SafetensorsHeader> parse(const std::string& file) {
  return parse_safetensors_header(bytes_of(file), "m");
}

std::string code_of(const std::string& file) {
  const auto header = parse(file);
  return header ? "" : header.error().code;
}

struct Corrupt {
  const char* code;
  const char* header;
  std::size_t data_bytes;
};

TEST(SafetensorsCorrupt, MalformedHeaders) {
  const Corrupt cases[] = {
      {"BL0615", R"({"a": )", 0},
      {"BL0615", R"({"a"})", 0},
      {"BL0615", R"({} x)", 0},
      {"BL0615", R"({"a": 1})", 0},
      {"BL0615", R"({"a": null})", 0},
      {"BL0615", R"({"a": true})", 0},
      {"BL0615", R"({"a": []})", 0},
      {"BL0615", R"({"a": "F32"})", 0},
      {"BL0615", R"({"a": {}})", 0},
      {"BL0615", R"({"a": {"shape": [1], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [1]}})", 4},
      {"BL0615", R"({"a": {"dtype": 4, "shape": [1], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": ["1"], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [[1]], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [1e2], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": {"0": 4}}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", 4},
      {"BL0615",
       R"({"a": {"dtype": "F32", "shape": [18446744073709551615], "data_offsets": [0, 4]}})", 4},
      {"BL0615",
       R"({"a": {"dtype": "F32", "shape": [99999999999999999999], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "x": 1}})", 4},
      {"BL0615", R"({"a": {"dtype": "F32", "dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})",
       4},
      {"BL0615", R"({"a": {"dtype": {"x": "F32"}, "shape": [1], "data_offsets": [0, 4]}})", 4},
      {"BL0615", R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                     "a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}})",
       2},
      {"BL0615", R"({"__metadata__": "x"})", 0},
      {"BL0615", R"({"__metadata__": {"a": 1}})", 0},
      {"BL0615", R"({"__metadata__": {"a": {"b": "c"}}})", 0},
      {"BL0615", R"({"__metadata__": {"a": "b", "a": "c"}})", 0},
      {"BL0615", R"({"__metadata__": {}, "__metadata__": {}})", 0},
      {"BL0615", "{\"\xFF\": {}}", 0},
      {"BL0614", R"([])", 0},
      {"BL0614", R"( {})", 0},
      {"BL0614", "", 0},
  };
  for (const Corrupt& c : cases)
    EXPECT_EQ(code_of(safetensors(c.header, std::string(c.data_bytes, 'x'))), c.code) << c.header;
}

TEST(SafetensorsCorrupt, TensorsThatDoNotFitTheFile) {
  const Corrupt cases[] = {
      // too few bytes, too many, for the shape
      {"BL0616", R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})", 4},
      {"BL0616", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}})", 8},
      {"BL0616", R"({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 4]}})", 4},
      // behind the end of the file, bytes left over
      {"BL0616", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", 3},
      {"BL0616", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", 5},
      {"BL0616", R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})", 4},
      {"BL0616", R"({})", 1},
      // a gap, an overlap, the same bytes twice
      {"BL0616", R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                     "b": {"dtype": "U8", "shape": [1], "data_offsets": [2, 3]}})",
       3},
      {"BL0616", R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
                     "b": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}})",
       3},
      {"BL0616", R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
                     "b": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}})",
       2},
      // the far end of 63 bits, and shapes whose product overflows to what fits
      {"BL0616",
       R"({"a": {"dtype": "C64", "shape": [1], "data_offsets": [0, 9223372036854775807]}})", 4},
      {"BL0612",
       R"({"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}})", 0},
      {"BL0612",
       R"({"a": {"dtype": "F64", "shape": [2305843009213693952], "data_offsets": [0, 0]}})", 0},
  };
  for (const Corrupt& c : cases)
    EXPECT_EQ(code_of(safetensors(c.header, std::string(c.data_bytes, 'x'))), c.code) << c.header;
}

TEST(SafetensorsCorrupt, LengthsOfTheHeader) {
  EXPECT_EQ(code_of(""), "BL0614");
  EXPECT_EQ(code_of("1234567"), "BL0614");
  EXPECT_EQ(code_of(safetensors("{}", "", 3)), "BL0614");
  EXPECT_EQ(code_of(safetensors("{}", "", 1)), "BL0615");
  EXPECT_EQ(code_of(safetensors("{}", "", 0x7FFFFFFFFFFFFFFF)), "BL0614");
  EXPECT_EQ(code_of(safetensors("{}", "", 100'000'001)), "BL0614");
  EXPECT_EQ(code_of(std::string(8, '\xFF') + "{}"), "BL0614");
}

TEST(SafetensorsCorrupt, DeepNestingIsRefusedAtItsFirstStep) {
  std::string deep = R"({"a": )";
  for (int i = 0; i < 1'000'000; ++i) deep += "[";
  EXPECT_EQ(code_of(safetensors(deep, "")), "BL0615");
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += R"({"a":)";
  EXPECT_EQ(code_of(safetensors(objects, "")), "BL0615");
}

TEST(SafetensorsCorrupt, TooManyDimensions) {
  std::string shape = "1";
  for (int i = 0; i < 40; ++i) shape += ",1";
  EXPECT_EQ(
      code_of(safetensors(
          R"({"a": {"dtype": "U8", "shape": [)" + shape + R"(], "data_offsets": [0, 1]}})", "x")),
      "BL0615");
}

TEST(SafetensorsCorrupt, MessagesNameTheTensorAndBothValues) {
  const auto wrong =
      parse(safetensors(R"({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 12]}})",
                        std::string(12, 'x')));
  EXPECT_EQ(wrong.error().message, "m: 'w': F32 [2, 2] needs 16 bytes, its offsets give 12");
  const auto twice = parse(
      safetensors(R"({"w": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}, "w": {}})", ""));
  EXPECT_EQ(twice.error().message, "m: header: the name 'w' stands twice");
}

TEST(SafetensorsCorrupt, EveryCutOffFileIsRefused) {
  const std::string whole =
      safetensors(R"({"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}})", "xyz");
  ASSERT_EQ(code_of(whole), "");
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(code_of(whole.substr(0, length)), "") << length;
}

RC_GTEST_PROP(SafetensorsCorrupt, AnyByteMayChange, (std::uint8_t byte, std::uint16_t where)) {
  std::string file =
      safetensors(R"({"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}})", "xyz");
  file[where % file.size()] = static_cast<char>(byte);
  const auto header = parse(file);
  if (header) RC_ASSERT(header->data_begin + header->tensors.back().end == file.size());
}

}  // namespace
}  // namespace bitloom::runtime
