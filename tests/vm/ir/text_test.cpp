// IR text: what is printed reads back, and what is not IR text is refused with a place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "tests/vm/ir/random_function.h"
#include "tests/vm/ir/structural_equality.h"
#include "vm/text/parser.h"
#include "vm/text/printer.h"

namespace bitloom::vm {
namespace {

using ::testing::HasSubstr;
using vm::testing::Random;
using vm::testing::random_function;

std::string messages(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& entry : diagnostics.all()) {
    text +=
        fmt::format("{}:{} {} {}\n", entry.span.line, entry.span.column, entry.code, entry.message);
  }
  return text;
}

RC_GTEST_PROP(Text, WhatIsPrintedReadsBack, (std::uint64_t seed)) {
  Random random(seed);
  const Function function = random_function(random, {.instructions = 25});
  for (const bool spans : {true, false}) {
    const std::string text = print(function, {.spans = spans});
    Diagnostics diagnostics;
    const auto parsed = parse_function(text, diagnostics);
    if (!parsed) RC_FAIL(messages(diagnostics) + text);
    RC_ASSERT(vm::testing::difference(function, *parsed, spans) == "");
    RC_ASSERT(print(*parsed, {.spans = spans}) == text);
  }
}

RC_GTEST_PROP(Text, AClonePrintsTheSame, (std::uint64_t seed)) {
  Random random(seed);
  const Function function = random_function(random);
  RC_ASSERT(print(function.clone(), {.spans = true}) == print(function, {.spans = true}));
}

TEST(Text, TheGeneratorReachesEveryInstruction) {
  std::set<Opcode> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    walk(random_function(random).body, [&](const Instruction& i) { seen.insert(i.opcode); });
  }
  EXPECT_EQ(seen.size(), all_instructions().size());
}

// Any prefix, and any text with one byte changed, is read or refused, and never anything else.
RC_GTEST_PROP(Text, DamagedTextIsRefusedWithAPlace, (std::uint64_t seed)) {
  Random random(seed);
  std::string text = print(random_function(random, {.instructions = 8}), {.spans = true});
  const auto place =
      static_cast<std::size_t>(random.number(0, static_cast<std::int64_t>(text.size()) - 1));
  if (random.chance(50)) {
    text.resize(place);
  } else {
    text[place] = static_cast<char>(random.number(0, 255));
  }
  Diagnostics diagnostics;
  const auto parsed = parse_function(text, diagnostics);
  RC_ASSERT(parsed.has_value() != diagnostics.has_errors());
  if (!parsed) RC_ASSERT(diagnostics.all()[0].span.known());
}

constexpr std::string_view kScale = R"(
// y = 2 x
kernel @scale {T = "f16", "odd name" = "1"} threads(128) min_blocks(2) explicit target_sm(80) grid(ceildiv(n, 1024)) sizes(%n: i64)
  (%x: global f16[n], optional %y: global f16[n], absent %z: global f16[n / 2])
  where n % 8 == 0 text "n % 8 == 0" message "pad n"
{
  %i: i32 = block_index {axis = 0}
  %w: global view f16[1024] = window %x, %i {extents = [1024], keep = [1]}
  %t: f16[1024] in spatial(128) * local(8) = load %w, none {clip = [1]}
  %v: variable f16[1024] in spatial(128) * local(8) = var %t
  %s: shared f16[8, 64] placed(8:64, 64:1) swizzle(4, 3, 3) = shared_alloc {offset = 0}
  %b: mbarrier[2] = barrier_alloc {count = 1}
  %c: bool = constant {integer = 1}
  if %c { sync } else { schedule_fence }
  loop { break }
  assign %v, %t
  %p: u32[128] in spatial(128) = iota {dim = 0}
  %q: u32[128] in spatial(128) = words %p {program = words 1 -> 1, 2 registers {
    r1 = lop3 r0, r0, r0, 0x80
    out r1
  }}
  store %w, %v, none
}
)";

TEST(Text, PeopleMayWriteItToo) {
  Diagnostics diagnostics;
  const auto function = parse_function(kScale, diagnostics);
  ASSERT_TRUE(function) << messages(diagnostics);
  EXPECT_EQ(function->name, "scale");
  EXPECT_EQ(function->threads, 128);
  EXPECT_EQ(function->min_blocks, 2);
  EXPECT_FALSE(function->comfortable);
  ASSERT_EQ(function->parameters.size(), 3u);
  EXPECT_TRUE(function->parameters[1].optional && function->parameters[1].present);
  EXPECT_FALSE(function->parameters[2].present);
  EXPECT_EQ(function->constraints.at(0).message, "pad n");
  EXPECT_EQ(function->body.body.size(), 13u);
  const Instruction& load = *function->body.body[2];
  EXPECT_EQ(load.opcode, Opcode::Load);
  EXPECT_EQ(load.inputs.at(1), kNoValue);
  EXPECT_EQ(function->type(load.outputs[0]).layout->threads(), 128);
  // Places are those of the text, since it has none of its own.
  EXPECT_EQ(load.span, (Span{0, 9, 3, 9, 72}));
  EXPECT_EQ(function->value(load.outputs[0]).span, (Span{0, 9, 3, 9, 5}));
  EXPECT_EQ(function->type(function->body.body[4]->outputs[0]).shared->swizzle(),
            layouts::kSwizzle128);
  const std::string text = print(*function);
  EXPECT_EQ(print(*parse_function(text, diagnostics)), text);
}

TEST(Text, NamesWithoutNumbersGetTheNextFree) {
  Diagnostics diagnostics;
  const auto function = parse_function(
      "kernel @k threads(32) grid(1) (%a.7: i32, %b: i32) { %c: i32 = add %a.7, %b }", diagnostics);
  ASSERT_TRUE(function) << messages(diagnostics);
  EXPECT_EQ(print_name(*function, function->parameters[0].value), "%a.7");
  EXPECT_EQ(print_name(*function, function->parameters[1].value), "%b.8");
  EXPECT_EQ(print_name(*function, function->body.body[0]->outputs[0]), "%c.9");
}

struct Refusal {
  std::string_view body, code, message;
  std::uint32_t column;  // in line 2
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithCodePlaceAndMessage) {
  const std::string text =
      fmt::format("kernel @k threads(32) grid(1) sizes(%n: i64) (%a: i32, %t: f16[8]) {{\n{}\n}}",
                  GetParam().body);
  Diagnostics diagnostics;
  EXPECT_FALSE(parse_function(text, diagnostics));
  ASSERT_EQ(diagnostics.error_count(), 1u) << messages(diagnostics);
  const Diagnostic& error = diagnostics.all()[0];
  EXPECT_EQ(error.code, GetParam().code) << error.message;
  EXPECT_THAT(error.message, HasSubstr(GetParam().message));
  EXPECT_EQ(error.span.line, 2u);
  EXPECT_EQ(error.span.column, GetParam().column);
}

INSTANTIATE_TEST_SUITE_P(
    Text, Refused,
    ::testing::Values(
        Refusal{"%b: i32 add", "BL0181", "expected '=' between results and their instruction", 9},
        Refusal{"%b: i32 = 7", "BL0181", "the name of an instruction", 11},
        Refusal{"%b: i32 = add %a, 7", "BL0181", "a value or 'none'", 19},
        Refusal{"print %a {format = \"x", "BL0181", "a string without an end", 20},
        Refusal{"%b: i32 = plus %a, %a", "BL0182", "no instruction 'plus'", 11},
        Refusal{"%b: i32 = iota {axis = 0}", "BL0183", "iota has no attribute 'axis'", 17},
        Refusal{"%a: i32 = constant {integer = 1}", "BL0184", "'%a' is defined twice", 1},
        Refusal{"assume %nowhere", "BL0185", "'%nowhere' is used but never defined", 8},
        Refusal{"%b: f15[4] = iota", "BL0186", "'f15' is no element type", 5},
        Refusal{"%b: codebook<9> = iota", "BL0186", "'codebook<9>' is no element type", 5},
        Refusal{"%b: f16[4] in sptial(4) = iota", "BL0186", "layout 'sptial(4)'", 15},
        Refusal{"%b: shared packed u4[64, 64] atom(\"7x7\") = shared_alloc", "BL0186",
                "packed atom '7x7'", 35},
        Refusal{"%b: global f16[n +] = shared_alloc", "BL0187", "size 'n +'", 16},
        Refusal{"%b.4000000000: i32 = iota", "BL0188", "too large for a kernel of", 1},
        Refusal{"%b: i32[1, 1, 1, 1, 1, 1, 1, 1, 1] = iota", "BL0188", "8 dimensions", 8},
        Refusal{"%b: i32 = iota {dim = 99999999999999999999}", "BL0189", "does not lie between",
                23},
        Refusal{"%b: i32 = iota {dim = 0x}", "BL0181", "expected '}' behind the attributes", 24},
        Refusal{"print %a {format = \"\\q\"}", "BL0189", "an escape other than", 20},
        Refusal{"%b.x: i32 = iota", "BL0181", "expected ':'", 3},
        Refusal{"%7up: i32 = iota", "BL0189", "no name of a value", 1},
        Refusal{"%b: u32 = words %a {program = words 1 -> 1, 2 registers { r1 = mvo r0 }}",
                "BL0190", "word program", 31},
        Refusal{"%b: i32 = iota {dim = 0, dim = 1}", "BL0191", "given twice", 26}));

TEST(Text, ValuesKeepTheirNames) {
  Diagnostics diagnostics;
  EXPECT_FALSE(parse_function("kernel @k threads(32) grid(1) (%a.7: i32) { %c.8: i32 = neg %b.7 }",
                              diagnostics));
  EXPECT_THAT(messages(diagnostics), HasSubstr("BL0185 value 7 is called 'b' here and 'a'"));
}

TEST(Text, NestingIsBounded) {
  std::string text = "kernel @k threads(32) grid(1) () {";
  for (int i = 0; i < 100000; ++i) text += "loop {";
  Diagnostics diagnostics;
  EXPECT_FALSE(parse_function(text, diagnostics));
  EXPECT_THAT(messages(diagnostics), HasSubstr("BL0188 regions are nested more than 64 deep"));
}

TEST(Text, ExpressionsAreBounded) {
  for (const std::string_view piece : {"(", "1 + ", "!", "-"}) {
    std::string text = "kernel @k threads(32) grid(";
    for (int i = 0; i < 10000; ++i) text += piece;
    Diagnostics diagnostics;
    EXPECT_FALSE(parse_function(text + "1", diagnostics));
    EXPECT_THAT(messages(diagnostics), HasSubstr("BL0188 this expression is too long"));
  }
}

// What is printed of what was read is read again, and printed the same. The fuzzer found these.
TEST(Text, WhatIsReadAndPrintedReadsBack) {
  const auto negations = [](int count) {
    return std::string(static_cast<std::size_t>(count), '-');
  };
  const std::string longest =
      "kernel @k threads(32) grid(1" + negations(30) + "m) sizes(%m: i64) () {}";
  for (const std::string& text : {
           // Places without a line, in a file or not.
           std::string("kernel @k spans @0/3:1-9:2 threads(32) grid(1) (%a: i32 @0:0-0:0) "
                       "{ %d.4: f32 @0:0-0:0 = cast %a @0:1-5:9 }"),
           std::string("kernel @k spans @1/3:1-9:2 threads(32) grid(1) (%a: i32 @7/0:3-0:0) "
                       "{ %d.4: f32 @3/0:1-1:1 = cast %a @2/3:1-5:9 %e: f32 = cast %a @0:1-5:9 }"),
           std::string("kernel @k spans threads(32) grid(1) sizes(%m: i64) () where m > 1 @0:2-3:4 "
                       "{ return }"),
           // NaNs of any bits.
           std::string(
               "kernel @k threads(32) grid(1) () { %a: f64 = constant {value = "
               "-nan(0x7ff8000000000000)} %b: f64 = constant {value = nan(0x7ff0000000000001)}"
               " %c: f64 = constant {value = nan(fff8000000000000)} }"),
           // Two grids: the last one counts.
           std::string("kernel @k threads(32) grid(1, 2, 3, 4, 5) grid(6, 7, 8, 9) () {}"),
           // A number that only a long text allowed.
           std::string("kernel @k threads(32) grid(1) () { %a.60000: i32 = iota {dim = 0} }  // ") +
               std::string(60000, 'x'),
           longest,
       }) {
    Diagnostics diagnostics;
    const auto function = parse_function(text, diagnostics);
    ASSERT_TRUE(function) << text.substr(0, 200) << messages(diagnostics);
    const std::string printed = print(*function, {.spans = true});
    const auto again = parse_function(printed, diagnostics);
    ASSERT_TRUE(again) << printed << messages(diagnostics);
    EXPECT_EQ(print(*again, {.spans = true}), printed);
  }
}

// What could not be read again when it is printed is refused at once.
TEST(Text, ExpressionsThatPrintTooLongAreRefused) {
  std::string sum = "m", products = "m", deep;
  for (int i = 0; i < 1500; ++i) sum += "+m", products += "*-m";
  for (int i = 0; i < 40; ++i) deep += "!-";
  for (const std::string& size : {sum, products, deep + "m", std::string(60, '-') + "m"}) {
    Diagnostics diagnostics;
    EXPECT_FALSE(parse_function("kernel @k threads(32) grid(" + size + ") sizes(%m: i64) () {}",
                                diagnostics))
        << size.substr(0, 80);
    EXPECT_THAT(messages(diagnostics), HasSubstr("BL0188 this expression is too long"));
  }
}

TEST(Text, AFileMayHoldSeveralKernels) {
  Diagnostics diagnostics;
  const auto module =
      parse_module("kernel @a threads(32) grid(1) () {}\nkernel @b threads(32) grid(1) () { sync }",
                   diagnostics);
  ASSERT_TRUE(module) << messages(diagnostics);
  ASSERT_EQ(module->functions.size(), 2u);
  EXPECT_EQ(module->functions[1].name, "b");
  EXPECT_FALSE(
      parse_function(print(module->functions[0]) + print(module->functions[1]), diagnostics));
}

}  // namespace
}  // namespace bitloom::vm
