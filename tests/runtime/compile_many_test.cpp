// Compiling in worker processes: the same images as in this one, errors where they belong, and
// workers that die.
#include "runtime/compile_many.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/compile_message.h"
#include "runtime/load_kernel.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"
#include "vm/text/printer.h"

namespace bitloom::runtime {
namespace {

using testing::HasSubstr;

constexpr const char* kProgram = BITLOOM_BINARY_DIR "/bin/bitloom";

vm::Function vector_add(const std::string& tile) {
  vm::Diagnostics diagnostics;
  dsl::SourceManager sources;
  const KernelChoice choice{
      BITLOOM_SOURCE_DIR "/kernels/vector_add/vector_add.bl", {}, {{"B", tile}}, {}, 80};
  auto function = load_kernel(choice, sources, BITLOOM_SOURCE_DIR "/stdlib", diagnostics);
  EXPECT_TRUE(function) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  return std::move(*function);
}

bool has_nvrtc(const CompileOutcome& outcome) {
  return outcome.kernel || outcome.diagnostics.all().empty() ||
         outcome.diagnostics.all()[0].code != "BL0416";
}

TEST(CompileMany, WorkersGiveWhatThisProcessGives) {
  std::vector<vm::Function> functions;
  for (const char* tile : {"256", "512", "1024", "2048"}) functions.push_back(vector_add(tile));
  std::vector<CompileJob> jobs;
  for (const vm::Function& function : functions)
    jobs.push_back({&function, {{80, false}, {}, {"vector_add.bl"}, true}});
  const auto outcomes = compile_many(jobs, {.workers = 2, .program = kProgram, .cache = {}});
  ASSERT_EQ(outcomes.size(), jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!has_nvrtc(outcomes[i])) GTEST_SKIP() << "this machine has no NVRTC";
    ASSERT_TRUE(outcomes[i].kernel) << outcomes[i].diagnostics.all()[0].message;
    vm::Diagnostics diagnostics;
    const auto here = compile_kernel(functions[i], jobs[i].options, nullptr, diagnostics);
    ASSERT_TRUE(here);
    EXPECT_EQ(serialize(*outcomes[i].kernel), serialize(*here));
    for (std::size_t p = 0; p < here->parameters.size(); ++p)
      EXPECT_EQ(outcomes[i].kernel->parameters[p].value, here->parameters[p].value);
  }
}

TEST(CompileMany, WorkersShareTheCache) {
  tests::TemporaryFolder folder;
  const vm::Function function = vector_add("1024");
  const CompileJob job{&function, {{80, false}, {}, {}, false}};
  const CompileManyOptions options{
      .workers = 1, .program = kProgram, .cache = {folder.path("cache"), 1 << 20}};
  const auto first = compile_many({&job, 1}, options);
  if (!has_nvrtc(first[0])) GTEST_SKIP() << "this machine has no NVRTC";
  ASSERT_TRUE(first[0].kernel);
  EXPECT_FALSE(first[0].trace.cached);
  const auto second = compile_many({&job, 1}, options);
  ASSERT_TRUE(second[0].kernel);
  EXPECT_TRUE(second[0].trace.cached);
  EXPECT_EQ(serialize(*first[0].kernel), serialize(*second[0].kernel));
}

TEST(CompileMany, AWorkerThatDiesIsAnErrorOfItsKernel) {
  tests::TemporaryFolder folder;
  const std::string program = folder.write("dies", "#!/bin/sh\nkill -9 $$\n");
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  const vm::Function function = vector_add("1024");
  const std::vector<CompileJob> jobs(3, {&function, {{80, false}, {}, {}, false}});
  const auto outcomes = compile_many(jobs, {.workers = 2, .program = program, .cache = {}});
  ASSERT_EQ(outcomes.size(), 3u);
  for (const CompileOutcome& outcome : outcomes) {
    EXPECT_FALSE(outcome.kernel);
    ASSERT_EQ(outcome.diagnostics.all().size(), 1u);
    EXPECT_EQ(outcome.diagnostics.all()[0].code, "BL0901");
    EXPECT_THAT(outcome.diagnostics.all()[0].message, HasSubstr("ended with signal 9"));
  }
}

TEST(CompileMany, WithoutAProgramItIsDoneHere) {
  const vm::Function function = vector_add("512");
  const CompileJob job{&function, {{80, false}, {}, {}, false}};
  const auto outcomes =
      compile_many({&job, 1}, {.workers = 2, .program = "/nonexistent/bitloom", .cache = {}});
  ASSERT_EQ(outcomes.size(), 1u);
  if (!has_nvrtc(outcomes[0])) GTEST_SKIP() << "this machine has no NVRTC";
  EXPECT_TRUE(outcomes[0].kernel);
}

TEST(CompileMessage, CarriesJobsAndOutcomes) {
  const vm::Function function = vector_add("512");
  const CompileJob job{&function, {{90, true}, "sm_90a", {"a.bl", "b.bl"}, false}};
  const auto read = decode_job(encode(job, {"/cache", 77}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->program, vm::print(function, {.spans = true}));
  EXPECT_EQ(read->options.target, job.options.target);
  EXPECT_EQ(read->options.architecture, "sm_90a");
  EXPECT_EQ(read->options.files, job.options.files);
  EXPECT_FALSE(read->options.line_info);
  EXPECT_EQ(read->cache.folder, "/cache");
  EXPECT_EQ(read->cache.limit, 77u);

  CompileOutcome outcome;
  outcome.trace.cached = true;
  outcome.diagnostics.warning("BL0620", {1, 2, 3, 4, 5}, "words")
      .note({0, 7, 8, 9, 10}, "a note")
      .hint("a hint");
  const auto back = decode_outcome(encode(outcome));
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->trace.cached);
  EXPECT_FALSE(back->kernel);
  ASSERT_EQ(back->diagnostics.all().size(), 1u);
  const vm::Diagnostic& diagnostic = back->diagnostics.all()[0];
  EXPECT_EQ(diagnostic.severity, vm::Severity::Warning);
  EXPECT_EQ(diagnostic.message, "words");
  EXPECT_EQ(diagnostic.span, (vm::Span{1, 2, 3, 4, 5}));
  EXPECT_EQ(diagnostic.notes.at(0).text, "a note");
  EXPECT_EQ(diagnostic.hints.at(0), "a hint");
}

TEST(CompileMessage, NoCutIsTaken) {
  const vm::Function function = vector_add("512");
  const auto whole = encode({&function, {{80, false}, {}, {"a.bl"}, true}}, {"/cache", 1});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode_job(std::span(whole).first(size))) << size;
}

TEST(CompileMessage, GoesThroughASocketWholeOrNotAtAll) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const std::vector<std::byte> message(1000, std::byte{5});
  ASSERT_TRUE(send_message(ends[0], message));
  EXPECT_EQ(receive_message(ends[1]), message);
  const std::uint64_t promised = 100;
  ASSERT_EQ(write(ends[0], &promised, sizeof promised), 8);
  close(ends[0]);
  EXPECT_FALSE(receive_message(ends[1]));
  EXPECT_FALSE(send_message(ends[1], message)) << "and no SIGPIPE";
  close(ends[1]);
}

}  // namespace
}  // namespace bitloom::runtime
