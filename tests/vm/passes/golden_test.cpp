// Runs every golden/*.ir: a kernel as text behind a line that names passes, and what becomes of it.
//
//   // RUN: canonicalize eliminate-dead-code --target sm_80
//   kernel @k … { … }
//   // ----
//   kernel @k … { … }
//
// Behind the dashes stand the diagnostics and remarks (`// error[BL0301] …`), then the function as
// the passes left it. `lower-all` runs the whole way. BITLOOM_UPDATE=1 in the environment writes
// that part anew; read the difference before you commit it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/places.h"
#include "vm/passes/pipeline.h"
#include "vm/text/parser.h"
#include "vm/text/printer.h"

namespace bitloom::vm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBorder = "// ----\n";

fs::path folder() {
  return fs::path(BITLOOM_SOURCE_DIR) / "tests/vm/passes/golden";
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().extension() == ".ir") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string complaints(const PassContext& context) {
  std::string text;
  for (const Diagnostic& diagnostic : context.diagnostics.all()) {
    text += fmt::format("// error[{}]: {}\n", diagnostic.code, diagnostic.message);
    for (const Note& note : diagnostic.notes) text += fmt::format("// note: {}\n", note.text);
    for (const std::string& hint : diagnostic.hints) text += fmt::format("// hint: {}\n", hint);
  }
  for (const Remark& remark : context.remarks) {
    text += fmt::format("// remark[{}]: {}\n", remark.pass, remark.text);
  }
  return text;
}

bool run_named(Function& function, PassContext& context, const std::string& name) {
  if (name == "lower-all") return lower_all(function, context);
  for (const Pass& pass : lowering_passes()) {
    if (pass.name == name) return run_passes(function, {&pass, 1}, context, {});
  }
  ADD_FAILURE() << "no pass is called " << name;
  return false;
}

std::string run_golden(const std::string& input) {
  Diagnostics diagnostics;
  PassContext context{{}, diagnostics};
  auto function = parse_function(input, diagnostics);
  if (!function) return complaints(context);
  std::istringstream line(input.substr(0, input.find('\n')));
  std::string word;
  line >> word >> word;
  EXPECT_EQ(word, "RUN:");
  std::vector<std::string> passes;
  while (line >> word) {
    if (word == "--target") {
      line >> word;
      context.target = *Target::parse(word);
    } else {
      passes.push_back(word);
    }
  }
  function->target_sm = context.target.sm;
  EXPECT_TRUE(verify(*function, diagnostics, VerifyStage::Checked)) << "the input";
  for (const std::string& pass : passes) {
    if (diagnostics.has_errors() || !run_named(*function, context, pass)) break;
  }
  return complaints(context) + (diagnostics.has_errors() ? "" : print(*function));
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, LowersAsWritten) {
  const fs::path path = folder() / (GetParam() + ".ir");
  const std::string text = read(path);
  const std::size_t border = text.find(kBorder);
  const std::string input = text.substr(0, border);
  const std::string expected =
      border == std::string::npos ? "" : text.substr(border + kBorder.size());
  const std::string result = run_golden(input);
  if (std::getenv("BITLOOM_UPDATE")) {
    std::ofstream(path, std::ios::binary) << input << kBorder << result;
    return;
  }
  EXPECT_EQ(result, expected) << "BITLOOM_UPDATE=1 accepts the result";
}

INSTANTIATE_TEST_SUITE_P(Passes, Golden, testing::ValuesIn(golden_names()), [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace bitloom::vm
