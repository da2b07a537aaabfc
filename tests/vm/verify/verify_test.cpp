// The verifier on cases in text. A file under cases/ begins with the head of a kernel and what all
// its cases share; then come the cases:
//
//   === ok: title                         the verifier has nothing to say
//   === BL0204: title                     the first complaint has this code
//   === BL0252 lowered: title             as after lowering (else: as the language hands over)
//   > 12:3 BL0204 add: …                  what it says, in full; BITLOOM_UPDATE=1 writes these anew
//
// A case whose text begins with `kernel` is a kernel of its own. Every instruction has a case that
// is right, and every code that the verifier raises has one that is wrong.
#include "vm/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/places.h"
#include "tests/vm/ir/random_function.h"
#include "vm/builder.h"
#include "vm/text/parser.h"

namespace bitloom::vm {
namespace {

const std::filesystem::path kFolder = BITLOOM_SOURCE_DIR "/tests/vm/verify/cases";

struct Case {
  std::string title, code;  // code: "ok" or "BL0204"
  bool lowered = false;
  std::string text, expected;

  std::string heading() const {
    return fmt::format("=== {}{}: {}\n", code, lowered ? " lowered" : "", title);
  }
};

struct CaseFile {
  std::filesystem::path path;
  std::string head;
  std::vector<Case> cases;
};

CaseFile read_cases(const std::filesystem::path& path) {
  static const std::regex kHeading(R"(=== (\w+)( lowered)?: (.+))");
  CaseFile file{path, {}, {}};
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kHeading)) {
      file.cases.push_back({match[3], match[1], match[2].matched, {}, {}});
    } else if (file.cases.empty()) {
      file.head += line + "\n";
    } else {
      (line.starts_with("> ") ? file.cases.back().expected : file.cases.back().text) += line + "\n";
    }
  }
  return file;
}

std::vector<CaseFile> all_cases() {
  std::vector<CaseFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    files.push_back(read_cases(entry.path()));
  }
  std::ranges::sort(files, {}, &CaseFile::path);
  return files;
}

std::optional<Function> function_of(const CaseFile& file, const Case& test) {
  const bool whole = test.text.starts_with("kernel");
  Diagnostics diagnostics;
  auto function = parse_function(whole ? test.text : file.head + test.text + "}\n", diagnostics);
  for (const Diagnostic& error : diagnostics.all()) {
    ADD_FAILURE() << file.path.filename() << ": " << test.title << ": " << error.code << " "
                  << error.message;
  }
  return function;
}

// "> 12:3 BL0204 add: …", notes and hints below.
std::string listed(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& entry : diagnostics.all()) {
    text += fmt::format("> {}:{} {} {}\n", entry.span.line, entry.span.column, entry.code,
                        entry.message);
    for (const Note& note : entry.notes) {
      text += fmt::format(">   note {}:{} {}\n", note.span.line, note.span.column, note.text);
    }
    for (const std::string& hint : entry.hints) text += fmt::format(">   hint {}\n", hint);
  }
  return text;
}

void write_cases(const CaseFile& file) {
  std::ofstream stream(file.path);
  stream << file.head;
  for (const Case& test : file.cases) stream << test.heading() << test.text << test.expected;
}

class Cases : public ::testing::TestWithParam<std::string> {};

TEST_P(Cases, AreJudgedAsTheySay) {
  CaseFile file = read_cases(kFolder / (GetParam() + ".txt"));
  ASSERT_FALSE(file.cases.empty());
  for (Case& test : file.cases) {
    SCOPED_TRACE(test.title);
    const auto function = function_of(file, test);
    if (!function) continue;
    Diagnostics diagnostics;
    const bool good =
        verify(*function, diagnostics, test.lowered ? VerifyStage::Lowered : VerifyStage::Checked);
    EXPECT_EQ(good, !diagnostics.has_errors());
    const std::string found = listed(diagnostics);
    if (test.code == "ok") {
      EXPECT_TRUE(good) << found;
    } else if (good) {
      ADD_FAILURE() << "nothing was reported";
    } else {
      EXPECT_EQ(diagnostics.all()[0].code, test.code) << found;
    }
    if (std::getenv("BITLOOM_UPDATE")) {
      test.expected = found;
    } else {
      EXPECT_EQ(found, test.expected);
    }
  }
  if (std::getenv("BITLOOM_UPDATE")) write_cases(file);
}

INSTANTIATE_TEST_SUITE_P(Verify, Cases,
                         ::testing::Values("allocation", "contraction", "control", "copying",
                                           "creation", "debug", "elementwise", "head", "memory",
                                           "reduction", "shape", "synchronization", "types"),
                         [](const auto& entry) { return entry.param; });

TEST(Verify, EveryFileOfCasesIsRun) {
  EXPECT_EQ(all_cases().size(), 13u) << "name new files above";
}

TEST(Verify, EveryInstructionHasACaseThatIsRight) {
  std::set<Opcode> seen;
  for (const CaseFile& file : all_cases()) {
    for (const Case& test : file.cases) {
      if (test.code != "ok") continue;
      if (const auto function = function_of(file, test)) {
        walk(function->body, [&](const Instruction& i) { seen.insert(i.opcode); });
      }
    }
  }
  for (const InstructionInfo& row : all_instructions()) {
    EXPECT_TRUE(seen.contains(row.opcode)) << row.mnemonic;
  }
}

// BL0244, BL0243 and BL0247 also speak of what no text can say; those are below.
TEST(Verify, EveryCodeHasACaseThatIsWrong) {
  std::set<std::string> tested = {"BL0247"};
  for (const CaseFile& file : all_cases()) {
    for (const Case& test : file.cases) tested.insert(test.code);
  }
  static const std::regex kCode(R"re("(BL\d{4})")re");
  std::size_t raised = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITLOOM_SOURCE_DIR "/vm/verify")) {
    std::ifstream stream(entry.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), kCode), end; match != end; ++match) {
      ++raised;
      EXPECT_TRUE(tested.contains((*match)[1])) << (*match)[1] << " in " << entry.path();
    }
  }
  EXPECT_GT(raised, 50u);
}

// ---- What only a builder can do wrong -----------------------------------------------------------

Function small_kernel() {
  Function function;
  function.name = "k";
  function.threads = 32;
  function.grid = {layouts::SizeExpr(1)};
  return function;
}

std::string first_complaint(const Function& function) {
  Diagnostics diagnostics;
  if (verify(function, diagnostics, VerifyStage::Checked)) return "";
  return diagnostics.all()[0].code + " " + diagnostics.all()[0].message;
}

TEST(Verify, AnEmptyKernelIsFine) {
  EXPECT_EQ(first_complaint(small_kernel()), "");
}

TEST(Verify, ValuesAreDefinedOnce) {
  Function function = small_kernel();
  Builder builder(function);
  builder.integer(1);
  Region& body = builder.region();
  body.body.push_back(clone(*body.body[0]));
  EXPECT_EQ(first_complaint(function), "BL0247 constant: d is defined twice");
}

TEST(Verify, OperandsAreCounted) {
  Function function = small_kernel();
  Builder builder(function);
  const ValueId one = builder.integer(1);
  builder.emit(Opcode::Add, register_type(kI32), {one});
  EXPECT_EQ(first_complaint(function), "BL0244 add: has 1 operands where 2 belong");
}

TEST(Verify, OperandsAreValues) {
  Function function = small_kernel();
  Builder builder(function);
  builder.emit(Opcode::Neg, register_type(kI32), {ValueId{77}});
  EXPECT_EQ(first_complaint(function), "BL0244 neg: operand 0 is no value");
  function.body.body[0]->inputs[0] = kNoValue;
  EXPECT_EQ(first_complaint(function), "BL0244 neg: operand 0 is missing");
  function.body.body[0]->inputs[0] = function.body.body[0]->outputs[0];
  function.body.body[0]->outputs[0] = 99;
  EXPECT_EQ(first_complaint(function),
            "BL0244 neg: a result or an argument of a region is no value");
}

TEST(Verify, RegionsAreCounted) {
  Function function = small_kernel();
  Builder builder(function);
  builder.emit(Opcode::Loop, {}).regions.clear();
  EXPECT_EQ(first_complaint(function), "BL0244 loop: has 0 regions where 1 belong");
}

TEST(Verify, AttributesAreOfTheirKind) {
  Function function = small_kernel();
  Builder builder(function);
  builder.emit(Opcode::DotWait, {}).set("pending", std::string("one"));
  EXPECT_EQ(first_complaint(function),
            "BL0243 dot_wait: attribute 'pending' is a value of another kind than int");
  function.body.body[0]->erase("pending");
  function.body.body[0]->set("waiting", std::int64_t{1});
  EXPECT_EQ(first_complaint(function), "BL0243 dot_wait: has no attribute 'waiting'");
}

TEST(Verify, ParametersAndSizesAreValues) {
  Function function = small_kernel();
  function.sizes.push_back(5);
  EXPECT_EQ(first_complaint(function), "BL0244 a size is no value");
  function.sizes.clear();
  function.parameters.push_back({7, false, true});
  EXPECT_EQ(first_complaint(function), "BL0244 a parameter is no value");
}

// Whatever a well-formed function says, the verifier judges it and does not fall over.
TEST(Verify, JudgesAnything) {
  std::size_t refused = 0;
  std::set<std::string> codes;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    testing::Random random(seed);
    const Function function =
        testing::random_function(random, {.instructions = 60, .plausible = seed % 4 != 0});
    for (const VerifyStage stage : {VerifyStage::Checked, VerifyStage::Lowered}) {
      Diagnostics diagnostics;
      const bool good = verify(function, diagnostics, stage);
      EXPECT_EQ(good, !diagnostics.has_errors());
      refused += !good;
      for (const Diagnostic& entry : diagnostics.all()) codes.insert(entry.code);
    }
  }
  EXPECT_GT(refused, 500u);
  EXPECT_GT(codes.size(), 25u) << "the functions are too odd to reach the rules";
}

}  // namespace
}  // namespace bitloom::vm
