// What the interpreter finds wrong with kernels, and what it must not find wrong, in text. A file
// under hazards/ begins with the head of a kernel and what all its cases share; then come the
// cases:
//
//   === ok: title                 runs, and nothing is reported
//   === BL0508: title             the first fault has this code
//   === BL0507/BL0510: title      … or this one: it depends on who comes first
//   > 12:3 BL0508 load: …         what is said, in full; BITLOOM_UPDATE=1 writes these anew
//
// A case whose text begins with `kernel` is a kernel of its own. Tensors are filled with small
// whole numbers (indices with 0, 1, 2, …), sizes are 64, scalars are 3. Every case runs several
// times, its strands in another order each time: what is right is right in every order, and what is
// wrong is found in every order.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "tests/support/places.h"
#include "tests/vm/interpreter/machine.h"
#include "vm/verify.h"

namespace bitloom::vm {
namespace {

using testing::Machine;

const std::filesystem::path kFolder = BITLOOM_SOURCE_DIR "/tests/vm/interpreter/hazards";

struct Case {
  std::string title, code, text, expected;
};

struct CaseFile {
  std::filesystem::path path;
  std::string head;
  std::vector<Case> cases;
};

CaseFile read_cases(const std::filesystem::path& path) {
  static const std::regex kHeading(R"(=== ([\w/]+): (.+))");
  CaseFile file{path, {}, {}};
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kHeading)) {
      file.cases.push_back({match[2], match[1], {}, {}});
    } else if (file.cases.empty()) {
      file.head += line + "\n";
    } else {
      (line.starts_with("> ") ? file.cases.back().expected : file.cases.back().text) += line + "\n";
    }
  }
  return file;
}

void write_cases(const CaseFile& file) {
  std::ofstream stream(file.path);
  stream << file.head;
  for (const Case& test : file.cases)
    stream << fmt::format("=== {}: {}\n", test.code, test.title) << test.text << test.expected;
}

// The case as a machine, with arguments that fit its parameters.
Machine machine_of(const CaseFile& file, const Case& test) {
  const bool whole = test.text.starts_with("kernel");
  Machine machine(whole ? test.text : file.head + test.text + "}\n");
  for (ValueId size : machine.function().sizes)
    machine.size(machine.function().value(size).name, 64);
  int seed = 0;
  for (const Parameter& parameter : machine.function().parameters) {
    const Type& type = machine.function().type(parameter.value);
    if (type.is_scalar()) {
      machine.scalar(3);
      continue;
    }
    Shape extents;
    for (const auto& extent : type.extents)
      extents.push_back(*extent.evaluate([](std::string_view) { return 64; }));
    auto numbers = testing::whole_numbers(static_cast<std::size_t>(layouts::size(extents)), ++seed);
    if (type.element.is_integer())
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i);
    machine.tensor(type.element, extents, numbers);
  }
  return machine;
}

class Hazards : public ::testing::TestWithParam<std::string> {};

TEST_P(Hazards, AreFoundAndNothingElseIs) {
  CaseFile file = read_cases(kFolder / (GetParam() + ".txt"));
  ASSERT_FALSE(file.cases.empty());
  for (Case& test : file.cases) {
    SCOPED_TRACE(test.title);
    const Machine model = machine_of(file, test);
    Diagnostics verdict;
    const bool sane = verify(model.function(), verdict, VerifyStage::Checked);
    ASSERT_TRUE(sane) << model.listed() << verdict.all()[0].message;
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      Machine machine = machine_of(file, test);
      LaunchOptions options;
      options.schedule_seed = seed;
      options.step_limit = 1'000'000;
      // Of two blocks that race, the one that comes second is reported: with several host threads
      // that is left to chance, so one of them gives the text that is compared.
      if (seed == 0) options.workers = 1;
      const bool good = machine.run(options);
      EXPECT_EQ(good, machine.found().empty());
      if (test.code == "ok") {
        EXPECT_TRUE(good) << machine.listed();
      } else if (good) {
        ADD_FAILURE() << "nothing was reported, seed " << seed;
      } else {
        EXPECT_THAT(test.code, ::testing::HasSubstr(machine.found()[0])) << machine.listed();
      }
      if (seed != 0) continue;
      if (std::getenv("BITLOOM_UPDATE")) {
        test.expected = machine.listed();
      } else {
        EXPECT_EQ(machine.listed(), test.expected);
      }
    }
  }
  if (std::getenv("BITLOOM_UPDATE")) write_cases(file);
}

// With the checks off only faults that nothing can go on behind are left.
TEST_P(Hazards, AreNotLookedForWithoutChecks) {
  const std::set<std::string> always = {"BL0501", "BL0502", "BL0505", "BL0512", "BL0513",
                                        "BL0514", "BL0516", "BL0517", "BL0518", "BL0519",
                                        "BL0520", "BL0521", "BL0522", "BL0523"};
  const CaseFile file = read_cases(kFolder / (GetParam() + ".txt"));
  for (const Case& test : file.cases) {
    SCOPED_TRACE(test.title);
    Machine machine = machine_of(file, test);
    LaunchOptions options;
    options.checks = false;
    options.step_limit = 1'000'000;
    machine.run(options);
    for (const std::string& code : machine.found()) EXPECT_TRUE(always.contains(code)) << code;
  }
}

INSTANTIATE_TEST_SUITE_P(Interpreter, Hazards,
                         ::testing::Values("shared", "copies", "mbarriers", "products", "blocks",
                                           "faults", "clusters", "global"),
                         [](const auto& entry) { return entry.param; });

TEST(HazardCases, EveryFileIsRun) {
  const auto begin = std::filesystem::directory_iterator(kFolder);
  EXPECT_EQ(std::distance(begin, std::filesystem::directory_iterator{}), 8)
      << "name new files above";
}

TEST(HazardCases, EveryCodeThatTheInterpreterRaisesHasACase) {
  std::set<std::string> tested = {"BL0515"};  // the interruption: launch_test.cpp
  std::size_t right = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    for (const Case& test : read_cases(entry.path()).cases) {
      for (std::size_t at = 0; at < test.code.size(); at += 7)
        tested.insert(test.code.substr(at, 6));
      right += test.code == "ok";
    }
  }
  EXPECT_GE(right, 40u);
  static const std::regex kCode(R"re("(BL05\d{2})")re");
  for (const auto& entry :
       std::filesystem::directory_iterator(BITLOOM_SOURCE_DIR "/vm/interpreter")) {
    std::ifstream stream(entry.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), kCode), end; match != end; ++match)
      EXPECT_TRUE(tested.contains((*match)[1])) << (*match)[1] << " in " << entry.path();
  }
}

}  // namespace
}  // namespace bitloom::vm
