// The program as a user meets it: every command, right and wrong, in sessions that are played
// (tests/cli/golden, see transcript.h), and what a session cannot say.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <sstream>
#include <thread>

#include "tests/cli/process.h"
#include "tests/cli/transcript.h"
#include "tests/support/temporary_folder.h"
#include "vm/diagnostics_table.h"

namespace bitloom::tests {
namespace {

class Session : public testing::TestWithParam<std::string> {};

TEST_P(Session, GoesAsItSays) {
  EXPECT_EQ(play(GetParam()), "");
}

INSTANTIATE_TEST_SUITE_P(All, Session, testing::ValuesIn(transcripts()), [](const auto& test) {
  return std::filesystem::path(test.param).stem().string();
});

Finished bitloom(std::vector<std::string> words, const TemporaryFolder& folder) {
  words.insert(words.begin(), bitloom_program());
  return Process(words, folder.path()).wait(std::chrono::seconds(120));
}

TEST(Cli, ExplainsEveryCode) {
  const TemporaryFolder folder;
  for (const vm::DiagnosticEntry& entry : vm::diagnostic_table::all()) {
    const Finished finished = bitloom({"explain", std::string(entry.code)}, folder);
    EXPECT_EQ(finished.status, 0) << entry.code;
    EXPECT_EQ(finished.out, vm::diagnostic_table::explain(entry));
    EXPECT_EQ(finished.err, "");
  }
}

TEST(Cli, ListsEveryCode) {
  const TemporaryFolder folder;
  std::string expected;
  for (const vm::DiagnosticEntry& entry : vm::diagnostic_table::all())
    expected += fmt::format("{}  {}\n", entry.code, entry.summary);
  EXPECT_EQ(bitloom({"explain", "--list"}, folder).out, expected);
}

// Every command says what it does, with an example.
TEST(Cli, EveryCommandHasHelpWithAnExample) {
  const TemporaryFolder folder;
  const Finished all = bitloom({"--help"}, folder);
  EXPECT_EQ(all.status, 0);
  std::istringstream lines(all.out);
  int commands = 0;
  bool listed = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Subcommands:")) {
      listed = true;
    } else if (listed && line.starts_with("  ") && line.size() > 2 && line[2] != ' ') {
      const std::string name = line.substr(2, line.find(' ', 2) - 2);
      const Finished help = bitloom({name, "--help"}, folder);
      EXPECT_EQ(help.status, 0) << name;
      EXPECT_NE(help.out.find("Example"), std::string::npos) << name;
      ++commands;
    } else if (listed) {
      break;
    }
  }
  EXPECT_GE(commands, 7) << all.out;
}

constexpr const char* kEndless = R"(kernel k(x: global f32[n]) grid(1) threads(32)
{
    var i = 0
    while i < 1 { i = i * 2 }
    x[0 +: 32] <- zeros<f32, 32>()
}
)";

// Ctrl-C ends a kernel that never ends, and leaves no file.
TEST(Cli, AnInterruptEndsAKernelAndWritesNothing) {
  const TemporaryFolder folder;
  folder.write("k.bl", kEndless);
  Process process({bitloom_program(), "run", "k.bl", "--shape", "n=32", "--out", "x=x.npy"},
                  folder.path());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!process.handles(SIGINT) && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  process.send(SIGINT);
  const Finished finished = process.wait(std::chrono::seconds(60));
  EXPECT_FALSE(finished.timed_out);
  EXPECT_EQ(finished.status, 130);
  EXPECT_NE(finished.err.find("error[BL0515]: the run was interrupted after "), std::string::npos)
      << finished.err;
  EXPECT_EQ(finished.out, "");
  EXPECT_EQ(folder.count(), 1u) << "a file was left";
}

// Files in the way of a write: the old contents stay whole.
TEST(Cli, AFailedRunLeavesTheOldFile) {
  const TemporaryFolder folder;
  folder.write("k.bl", kEndless);
  folder.write("x.npy", "what was there");
  const Finished finished =
      bitloom({"run", "k.bl", "--shape", "n=32", "--out", "x=x.npy", "--steps", "1000"}, folder);
  EXPECT_EQ(finished.status, 3) << finished.err;
  EXPECT_EQ(folder.read("x.npy"), "what was there");
  EXPECT_EQ(folder.count(), 2u);
}

}  // namespace
}  // namespace bitloom::tests
