// What the documentation quotes stands in the sources, and in the CUDA text, the PTX and the
// machine code of the kernels that it names.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <regex>
#include <set>
#include <span>
#include <sstream>

#include "codegen/cuda.h"
#include "dsl/compile.h"
#include "dsl/render.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/listing.h"
#include "tests/docs/excerpt.h"
#include "tests/docs/page.h"
#include "tests/house/project_files.h"
#include "tests/support/places.h"
#include "vm/passes/pipeline.h"

namespace bitloom::test {
namespace {

// What becomes of a kernel for sm_80: its CUDA text, and the PTX that NVRTC makes of it.
struct Printed {
  std::string cuda, ptx, cubin, complaints;
};

std::optional<vm::Function> lower(const std::string& file, dsl::Specialization set,
                                  dsl::SourceManager& sources, vm::PassContext& context) {
  dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
  if (!program.load(BITLOOM_SOURCE_DIR "/" + file, context.diagnostics)) return std::nullopt;
  const dsl::KernelSignature kernel = program.kernels()[0];
  for (const auto& parameter : kernel.parameters) {
    if (parameter.optional) set.absent.insert(parameter.name);
  }
  auto function = program.specialize(kernel.name, set, context.diagnostics);
  if (function && vm::lower_all(*function, context, {})) return function;
  return std::nullopt;
}

// "kernels/gemm/gemm.bl W=u4"
Printed print_kernel(const std::string& specialized) {
  std::istringstream words(specialized);
  std::string file;
  words >> file;
  dsl::Specialization set;
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    set.generics[word.substr(0, equals)] = word.substr(equals + 1);
  }
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  vm::PassContext context{{80, false}, diagnostics};
  Printed printed;
  if (const auto function = lower(file, set, sources, context)) {
    const auto cuda = codegen::print_cuda(*function, {.target = context.target}, diagnostics);
    if (cuda) printed.cuda = cuda->text;
  }
  printed.complaints = dsl::render(diagnostics, sources);
  const auto nvrtc = cuda::Nvrtc::find();
  if (printed.cuda.empty() || !nvrtc) return printed;
  const auto compiled = (*nvrtc)->compile(printed.cuda, "kernel.cu", {"-arch=sm_80"}, true);
  if (!compiled) return printed;
  printed.ptx = compiled->ptx;
  printed.cubin = compiled->cubin;
  return printed;
}

// The file that a marker names, or empty.
std::string source_of(const Block& block) {
  static const std::regex kSource(R"((?:from|added to) (\S+))");
  std::smatch match;
  return std::regex_match(block.marker, match, kSource) ? match[1].str() : "";
}

TEST(Excerpts, StandInTheFilesThatTheyAreFrom) {
  int checked = 0;
  for (const Page& page : pages()) {
    for (const Block& block : page.blocks) {
      const std::string source = source_of(block);
      if (source.empty()) continue;
      const std::string text = read_file(BITLOOM_SOURCE_DIR "/" + source);
      ASSERT_NE(text, "") << page.name << ":" << block.line << ": there is no " << source;
      EXPECT_EQ(difference(block.text, text, false), "")
          << page.name << ":" << block.line << ": not in " << source;
      ++checked;
    }
  }
  EXPECT_GE(checked, 10);
}

TEST(Excerpts, OfCudaAndPtxArePrinted) {
  std::map<std::string, Printed> kernels;
  int checked = 0;
  bool skipped = false;
  for (const Page& page : pages()) {
    for (const Block& block : page.blocks) {
      const std::string form = block.marker.substr(0, block.marker.find(' '));
      if (form != "cuda" && form != "ptx") continue;
      const auto [found, fresh] = kernels.try_emplace(block.marker.substr(form.size() + 1));
      Printed& printed = found->second;
      if (fresh) printed = print_kernel(found->first);
      ASSERT_NE(printed.cuda, "") << printed.complaints;
      const std::string& text = form == "cuda" ? printed.cuda : printed.ptx;
      ++checked;
      if (form == "ptx" && text.empty()) {
        skipped = true;
        continue;
      }
      const std::string shown = without_variable_numbers(block.text);
      EXPECT_EQ(difference(shown, without_variable_numbers(text), false), "")
          << page.name << ":" << block.line << ": not in\n"
          << text;
    }
  }
  EXPECT_GE(checked, 2);
  if (skipped) GTEST_SKIP() << "this machine has no NVRTC";
}

TEST(Excerpts, OfMachineCodeAreMade) {
  const auto program = runtime::find_disassembler(runtime::disassembler_folders());
  if (!program || !cuda::Nvrtc::find()) GTEST_SKIP() << "this machine has no disassembler";
  int checked = 0;
  for (const Page& page : pages()) {
    for (const Block& block : page.blocks) {
      if (!block.marker.starts_with("sass ")) continue;
      const Printed printed = print_kernel(block.marker.substr(5));
      const auto sass =
          runtime::disassemble(*program, std::as_bytes(std::span(std::string_view(printed.cubin))));
      ASSERT_TRUE(sass) << sass.error().message;
      EXPECT_EQ(difference(block.text, *sass, false), "") << page.name << ":" << block.line;
      ++checked;
    }
  }
  EXPECT_GE(checked, 1);
}

// docs/architecture.md adds one instruction. It shows every line of it, and there are few.
constexpr int kMostLinesOfAnInstruction = 80;

const Page& architecture() {
  static const Page page = read_page(BITLOOM_SOURCE_DIR "/docs/architecture.md");
  return page;
}

// Where an instruction is made; kernels and pages merely use it.
bool makes_instructions(const std::string& folder) {
  return folder == "vm" || folder == "dsl" || folder == "codegen";
}

TEST(WorkedExample, IsShort) {
  int lines = 0;
  for (const Block& block : architecture().blocks) {
    if (!block.marker.starts_with("added to ") || source_of(block).starts_with("tests/")) continue;
    for (const std::string& line : lines_of(block.text)) lines += line != "…";
  }
  EXPECT_GT(lines, 20);
  EXPECT_LE(lines, kMostLinesOfAnInstruction);
}

TEST(WorkedExample, ShowsEveryLineThatNamesTheInstruction) {
  std::map<std::string, std::set<std::string>> shown;
  for (const Block& block : architecture().blocks) {
    if (!block.marker.starts_with("added to ")) continue;
    for (const std::string& line : lines_of(block.text)) shown[source_of(block)].insert(line);
  }
  int named = 0;
  for (const tests::ProjectFile& file : tests::project_files()) {
    if (!makes_instructions(file.folder())) continue;
    for (const std::string& line : lines_of(file.text)) {
      if (line.find("dp4a") == std::string::npos && line.find("Dp4a") == std::string::npos)
        continue;
      ++named;
      EXPECT_TRUE(shown[file.path].contains(line))
          << file.path << ": " << line << "\nis not on the page";
    }
  }
  EXPECT_GE(named, 5);
}

}  // namespace
}  // namespace bitloom::test
