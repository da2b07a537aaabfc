// The tables of docs/numerics.md that follow from the code. BITLOOM_UPDATE=1 in the environment
// writes them anew.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/places.h"
#include "vm/numerics.h"
#include "vm/words/word_program.h"

namespace bitloom::vm {
namespace {

const std::string kPath = std::string(BITLOOM_SOURCE_DIR) + "/docs/numerics.md";

std::string read_page() {
  std::ifstream file(kPath);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Section {
  std::size_t begin, end;  // what stands between the markers
};

Section find_section(const std::string& page, const std::string& name) {
  const auto marker = page.find("<!-- " + name + ":");
  const auto begin = page.find('\n', marker) + 1;
  return {begin, page.find("<!-- end -->", begin)};
}

void expect_section(const std::string& name, const std::string& expected) {
  std::string page = read_page();
  const Section section = find_section(page, name);
  ASSERT_NE(section.end, std::string::npos) << name;
  const std::string found = page.substr(section.begin, section.end - section.begin);
  if (found != expected && std::getenv("BITLOOM_UPDATE")) {
    page.replace(section.begin, section.end - section.begin, expected);
    std::ofstream(kPath) << page;
    return;
  }
  EXPECT_EQ(found, expected) << "BITLOOM_UPDATE=1 writes " << kPath;
}

// A number that is short in decimal, or a product with a power of two.
std::string number(double x) {
  constexpr std::size_t kShort = 8;
  const std::string decimal = fmt::format("{}", x);
  if (decimal.size() <= kShort && x >= 1.0 / 64 && x < 100'000) return decimal;
  const int exponent = std::ilogb(x);
  const double fraction = std::ldexp(x, -exponent);
  if (fraction == 1) return fmt::format("2^{}", exponent);
  if (std::ldexp(fraction, 10) == std::floor(std::ldexp(fraction, 10)))
    return fmt::format("{} · 2^{}", fraction, exponent);
  return fmt::format("(2 - 2^{}) · 2^{}", std::ilogb(2 - fraction), exponent);
}

std::string specials(ElementType type) {
  if (!has_nan(type)) return "–";
  if (type == kE8M0) return "NaN `0xff`";
  return has_infinity(type) ? "infinity, NaN" : "NaN `S.1111.111`";
}

std::string float_row(ElementType type) {
  if (type == kE8M0)
    return fmt::format("| e8m0 | 8 | – | 2^-127 | 2^-127 | 2^127 | {} |\n", specials(type));
  const FloatFormat format = float_format(type);
  const double least = decode(type, std::uint64_t{1} << format.padding);
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", to_string(type), type.bits,
                     format.bias, number(least), number(std::ldexp(1, format.least_exponent())),
                     number(highest(type)), specials(type));
}

TEST(NumericsPage, ListsEveryType) {
  std::string integers = "| integers | range |\n|---|---|\n";
  std::string floats =
      "| float | bits | bias | least above 0 | least normal | greatest | besides numbers "
      "|\n|---|---|---|---|---|---|---|\n";
  for (const ElementType type : all_element_types()) {
    if (type.is_float() || type == kE8M0) floats += float_row(type);
  }
  integers +=
      "| u1 … u8, u16, u32, u64 | 0 … 2^bits - 1 |\n| i1 … i8, i16, i32, i64 | -2^(bits - 1) … "
      "2^(bits - 1) - 1, two's complement; i1 is -1 and 0 |\n";
  expect_section("types", "\n" + integers + "\n" + floats + "\n");
}

std::string_view pipe_name(WordPipe pipe) {
  switch (pipe) {
    case WordPipe::Free:
      return "free";
    case WordPipe::Alu:
      return "alu";
    case WordPipe::Fma:
      return "fma";
    case WordPipe::Convert:
      break;
  }
  return "convert";
}

std::string operands(const WordOpInfo& info) {
  std::string text;
  for (int k = 0; k < info.operands; ++k) text += fmt::format("{}{}", k > 0 ? ", " : "", "abc"[k]);
  if (info.immediate != WordImmediate::None) text += text.empty() ? "imm" : ", imm";
  return text;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '|' ? std::string("\\|") : std::string(1, c);
  return result;
}

TEST(NumericsPage, ListsEveryWordOperation) {
  std::string table = "| operation | operands | pipe | sm | d |\n|---|---|---|---|---|\n";
  for (int i = 0; i < kWordOpcodeCount; ++i) {
    const WordOpInfo& info = word_op_info(static_cast<WordOpcode>(i));
    table += fmt::format("| `{}` | {} | {} | {} | {} |\n", info.mnemonic, operands(info),
                         pipe_name(info.pipe), info.least_sm, escaped(info.documentation));
  }
  expect_section("words", "\n" + table + "\n");
}

}  // namespace
}  // namespace bitloom::vm
