// .npy: what NumPy writes is read, what is written NumPy reads, and everything else is refused with
// a reason.
#include "runtime/host/npy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "runtime/host/file.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::runtime {
namespace {

using tests::TemporaryFolder;

// A file of version 1 with this dictionary.
std::string npy(const std::string& dictionary, const std::string& data, int version = 1) {
  std::string header = dictionary + "\n";
  std::string file = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  if (version > 1) file += std::string(2, '\0');
  return file + header + data;
}

std::string dictionary(const std::string& descr, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }";
}

Result<HostArray> parse(const std::string& file) {
  return parse_npy(bytes_of(file), "a.npy");
}

std::string code_of(const std::string& file) {
  const auto array = parse(file);
  return array ? "" : array.error().code;
}

std::vector<std::uint64_t> codes(const HostArray& array) {
  std::vector<std::uint64_t> all;
  for (std::size_t i = 0; i < array.size(); ++i) all.push_back(array.code(i));
  return all;
}

using Codes = std::vector<std::uint64_t>;
const std::string kSixBytes = "\x01\x02\x03\x04\x05\x06";

// The bytes that numpy 1.26 writes for np.save(…, np.array([[1, 2], [3, 4]], '<i2')).
TEST(Npy, ReadsAFileOfNumpy) {
  std::string header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2), }";
  header.resize(117, ' ');
  std::string file = std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n";
  file += std::string("\x01\x00\x02\x00\x03\x00\x04\x00", 8);
  ASSERT_EQ(file.size(), 128u + 8u);
  const auto array = parse(file);
  ASSERT_TRUE(array) << array.error().message;
  EXPECT_EQ(array->type(), vm::kI16);
  EXPECT_EQ(array->shape(), (Shape{2, 2}));
  EXPECT_EQ(codes(*array), (Codes{1, 2, 3, 4}));
}

TEST(Npy, ReadsEveryVersion) {
  for (const int version : {1, 2, 3})
    EXPECT_EQ(parse(npy(dictionary("|u1", "(6,)"), kSixBytes, version))->shape(), (Shape{6}));
}

TEST(Npy, ReadsBothByteOrders) {
  EXPECT_EQ(codes(*parse(npy(dictionary("<u2", "(3,)"), kSixBytes))), (Codes{0x201, 0x403, 0x605}));
  EXPECT_EQ(codes(*parse(npy(dictionary(">u2", "(3,)"), kSixBytes))), (Codes{0x102, 0x304, 0x506}));
}

TEST(Npy, TurnsColumnsIntoRows) {
  // Column-major 2x3: the file holds (0,0) (1,0) (0,1) (1,1) (0,2) (1,2).
  EXPECT_EQ(codes(*parse(npy(dictionary("|u1", "(2, 3)", true), kSixBytes))),
            (Codes{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(codes(*parse(npy(dictionary("|u1", "(1, 2, 3)", true), kSixBytes))),
            (Codes{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(codes(*parse(npy(dictionary(">u2", "(3,)", true), kSixBytes))),
            (Codes{0x102, 0x304, 0x506}));
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  EXPECT_EQ(parse(npy(dictionary("|u1", "()"), "\x07"))->shape(), Shape{});
  const auto empty = parse(npy(dictionary("<f8", "(3, 0)"), ""));
  EXPECT_EQ(empty->shape(), (Shape{3, 0}));
  EXPECT_EQ(empty->size(), 0u);
}

TEST(Npy, ABoolIsZeroOrOne) {
  EXPECT_EQ(codes(*parse(npy(dictionary("|b1", "(3,)"), std::string("\x00\x01\xFF", 3)))),
            (Codes{0, 1, 1}));
}

TEST(Npy, AcceptsWhatPythonWouldInTheDictionary) {
  EXPECT_TRUE(parse(npy(R"({"shape":(6L,),"fortran_order":False,"descr":"|u1"})", kSixBytes)));
  EXPECT_TRUE(parse(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2,3)}   ", kSixBytes)));
}

TEST(Npy, RefusesAMalformedHeader) {
  for (const char* text : {
           "",
           "{",
           "{}",
           "[]",
           "None",
           "{'descr': '|u1', 'fortran_order': False}",
           "{'descr': '|u1', 'shape': (6,)}",
           "{'fortran_order': False, 'shape': (6,)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), 'extra': 1}",
           "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (6,)}",
           "{'descr': '|u1', 'fortran_order': 0, 'shape': (6,)}",
           "{'descr': '|u1', 'fortran_order': false, 'shape': (6,)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': 6}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (6)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': [6]}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (-6,)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (6.0,)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (2 3)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (,)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (6,)} x",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (6,",
           "{'descr: |u1, 'fortran_order': False, 'shape': (6,)}",
           "{'descr': '|u1' 'fortran_order': False, 'shape': (6,)}",
           "{descr: '|u1', 'fortran_order': False, 'shape': (6,)}",
           "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,)}",
       })
    EXPECT_EQ(code_of(npy(text, kSixBytes)), "BL0609") << text;
}

TEST(Npy, SaysWhereTheHeaderIsWrong) {
  EXPECT_EQ(parse(npy("{'descr': '|u1', 'fortran_order': 1}", "")).error().message,
            "a.npy: header: True or False is expected at byte 34");
}

TEST(Npy, RefusesOtherElementTypes) {
  for (const char* descr :
       {"<c8", "|S4", "|O", "<U2", "<f16", "<M8", "f4", "<i3", "|u2", "<V2", "", "<", "?"})
    EXPECT_EQ(code_of(npy(dictionary(descr, "(6,)"), kSixBytes)), "BL0610") << descr;
}

TEST(Npy, RefusesAWrongNumberOfBytes) {
  EXPECT_EQ(code_of(npy(dictionary("|u1", "(7,)"), kSixBytes)), "BL0611");
  EXPECT_EQ(code_of(npy(dictionary("|u1", "(5,)"), kSixBytes)), "BL0611");
  EXPECT_EQ(code_of(npy(dictionary("<u4", "(2,)"), kSixBytes)), "BL0611");
}

TEST(Npy, RefusesShapesWhoseBytesOverflow) {
  EXPECT_EQ(code_of(npy(dictionary("<f8", "(4611686018427387904, 4611686018427387904)"), "")),
            "BL0612");
  // The file would have to be as large: no memory is asked for before that is known.
  EXPECT_EQ(code_of(npy(dictionary("|u1", "(9223372036854775807,)"), "")), "BL0611");
  std::string many = "(";
  for (int i = 0; i < 40; ++i) many += "1, ";
  EXPECT_EQ(code_of(npy(dictionary("|u1", many + ")"), "x")), "BL0609");
}

TEST(Npy, RefusesWhatIsNoNpyFile) {
  EXPECT_EQ(code_of(""), "BL0608");
  EXPECT_EQ(code_of("\x93NUMP"), "BL0608");
  EXPECT_EQ(code_of("PK\x03\x04 a zip archive"), "BL0608");
  EXPECT_EQ(code_of(npy(dictionary("|u1", "(6,)"), kSixBytes, 4)), "BL0608");
  EXPECT_EQ(code_of(npy(dictionary("|u1", "(6,)"), kSixBytes, 0)), "BL0608");
}

TEST(Npy, EveryCutOffFileIsRefused) {
  for (const int version : {1, 2}) {
    const std::string whole = npy(dictionary("|u1", "(6,)"), kSixBytes, version);
    for (std::size_t length = 0; length < whole.size(); ++length)
      EXPECT_FALSE(parse(whole.substr(0, length))) << length;
  }
}

TEST(Npy, RefusesAHeaderAboveTheLimit) {
  std::string file("\x93NUMPY\x02\x00", 8);
  EXPECT_EQ(code_of(file + std::string("\x00\x00\x00\x7F", 4) + std::string(100, ' ')), "BL0603");
}

TEST(Npy, WritesWhatNumpyWrites) {
  const TemporaryFolder folder;
  auto array = HostArray::zeros(vm::kF32, {2, 3});
  ASSERT_TRUE(write_npy(folder.path("a.npy"), *array));
  const std::string file = folder.read("a.npy");
  EXPECT_EQ(file.size(), 128u + 24u);
  EXPECT_EQ(file.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_TRUE(file.substr(10).starts_with(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   "));
  EXPECT_EQ(file[127], '\n');
}

RC_GTEST_PROP(Npy, ComesBackAsItWasWritten, ()) {
  const TemporaryFolder folder;
  const auto type = *rc::gen::elementOf(vm::all_element_types());
  const int rank = *rc::gen::inRange(0, 5);
  Shape shape;
  for (int d = 0; d < rank; ++d) shape.push_back(*rc::gen::inRange<std::int64_t>(0, 5));
  auto array = HostArray::zeros(type, shape);
  for (std::size_t i = 0; i < array->size(); ++i)
    array->set_code(i, type.is_bool() ? i % 2 : (i * 0x9E3779B97F4A7C15u) >> (64 - type.bits));

  const auto written = write_npy(folder.path("a.npy"), *array);
  if (type == vm::kBF16) {
    RC_ASSERT(written.error().code == "BL0613");
    RC_ASSERT(folder.count() == 0u);
    return;
  }
  RC_ASSERT(written.has_value());
  const auto back = read_npy(folder.path("a.npy"));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->shape() == array->shape());
  RC_ASSERT(codes(*back) == codes(*array));
  const bool same_name = !type.is_narrow() || type == vm::kI8 || type == vm::kU8;
  if (same_name && type != vm::kTF32) RC_ASSERT(back->type() == type);
}

}  // namespace
}  // namespace bitloom::runtime
