#include "tests/differential/workers.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/differential/draw.h"
#include "tests/differential/reduce.h"

namespace bitloom::test {
namespace {

namespace fs = std::filesystem;

// Without a program that begins; a module of 50 is compiled in between, perhaps on a busy machine.
constexpr unsigned kHangSeconds = 120, kCompileOnlySeconds = 1800;
constexpr int kPoisoned = 3;       // the status of a worker whose GPU context is gone
constexpr int kMostRestarts = 50;  // of one job

void write_counts(std::ofstream& out, std::string_view kind, const Coverage& coverage) {
  for (const auto& [key, times] : coverage.counts())
    out << kind << " " << key.first << " " << key.second << " " << times << "\n";
}

// The seeds of a job, but those that are done.
std::vector<std::uint64_t> seeds_of(const WorkOptions& options, int job,
                                    const std::set<std::uint64_t>& done) {
  std::vector<std::uint64_t> seeds;
  const auto jobs = static_cast<std::uint64_t>(options.jobs);
  for (std::uint64_t i = static_cast<std::uint64_t>(job); i < options.programs; i += jobs)
    if (!done.contains(options.seed + i)) seeds.push_back(options.seed + i);
  return seeds;
}

[[noreturn]] void work(const WorkOptions& options, const std::vector<std::uint64_t>& seeds,
                       const std::string& path) {
  std::ofstream out(path, std::ios::app);
  const unsigned most = options.run.compile_only ? kCompileOnlySeconds : kHangSeconds;
  for (std::size_t first = 0; first < seeds.size(); first += options.batch) {
    if (std::chrono::steady_clock::now() > options.end()) break;
    const std::size_t last = std::min<std::size_t>(first + options.batch, seeds.size());
    std::vector<TestProgram> programs;
    for (std::size_t i = first; i < last; ++i) {
      alarm(most);
      out << "begin " << seeds[i] << std::endl;
      programs.push_back(draw_program(seeds[i], {.sm = options.run.target.sm}));
    }
    const auto begins = [&](std::size_t i) {
      alarm(most);
      out << "begin " << programs[i].seed << std::endl;
    };
    const auto ends = [&](std::size_t i, const Outcome& outcome) {
      Coverage coverage;
      coverage.add(programs[i].function);
      write_counts(out, "drawn", coverage);
      if (outcome.fate == Fate::Same) {
        write_counts(out, "compared", coverage);
        for (const auto& [name, times] : outcome.lowered)
          out << "lowered " << name << " - " << times << "\n";
      }
      std::string detail = outcome.detail.substr(0, 400);
      std::replace(detail.begin(), detail.end(), '\n', ' ');
      out << "end " << programs[i].seed << " " << to_string(outcome.fate) << " " << detail
          << std::endl;
      // What a kernel broke stays broken for this process.
      if (outcome.fate == Fate::Failed && !options.run.compile_only) _exit(kPoisoned);
    };
    run_programs(programs, options.run, {begins, ends});
  }
  out.close();
  _exit(0);
}

// Adds what a worker wrote; the program that it had begun and not ended, if any.
std::optional<std::uint64_t> collect(const std::string& path, const WorkOptions& options,
                                     Total& total, std::set<std::uint64_t>& done) {
  std::ifstream in(path);
  std::optional<std::uint64_t> begun;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string kind, first, second;
    std::uint64_t times = 0;
    words >> kind >> first >> second;
    if (kind == "begin") begun = std::stoull(first);
    if (kind == "drawn" || kind == "compared" || kind == "lowered") {
      words >> times;
      if (kind == "lowered") total.lowered[first] += times;
      if (kind == "drawn") total.drawn.add(first, second, times);
      if (kind == "compared") total.compared.add(first, second, times);
    }
    if (kind != "end") continue;
    const std::uint64_t seed = std::stoull(first);
    done.insert(seed);
    if (begun == seed) begun.reset();
    ++total.fates[second];
    std::string detail;
    std::getline(words >> std::ws, detail);
    const bool refused = second == "unlowered" || second == "faulted" || second == "unprinted";
    if (refused) ++total.refusals[detail.substr(0, 6)];
    if (options.list && second != "same") fmt::print("{} {} {}\n", seed, second, detail);
    if (!refused && second != "same") total.findings.push_back({seed, second, detail});
  }
  return begun;
}

// Smaller programs that fail alike, saved; the detail of a finding says where.
void reduce(Finding& finding, const WorkOptions& options) {
  const auto end = std::min(options.end(), std::chrono::steady_clock::now() +
                                               std::chrono::seconds(options.reduction_seconds));
  alarm(static_cast<unsigned>(2 * options.reduction_seconds) + 30);
  const TestProgram program = draw_program(finding.seed, {.sm = options.run.target.sm});
  const auto fails = [&](const TestProgram& candidate) {
    return std::chrono::steady_clock::now() < end &&
           to_string(run_program(candidate, options.run).fate) == finding.fate;
  };
  const TestProgram small = reduced(program, fails);
  const std::string path = fmt::format("{}/differential-{}-{}.ir", options.save,
                                       to_string(options.run.target), finding.seed);
  std::ofstream(path) << to_text(small, fmt::format("{}: {}", finding.fate, finding.detail));
}

void reduce_all(const WorkOptions& options, Total& total) {
  std::error_code ignored;
  fs::create_directories(options.save, ignored);
  std::vector<pid_t> children;
  for (Finding& finding : total.findings) {
    if (static_cast<int>(children.size()) == options.reductions) break;
    if (finding.fate == "crashed") continue;
    const pid_t child = fork();
    if (child == 0) {
      reduce(finding, options);
      _exit(0);
    }
    children.push_back(child);
    finding.detail += fmt::format(" -> {}/differential-{}-{}.ir", options.save,
                                  to_string(options.run.target), finding.seed);
  }
  for (const pid_t child : children) waitpid(child, nullptr, 0);
}

}  // namespace

Total run_all(const WorkOptions& options) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("differential-{}", getpid());
  fs::create_directories(folder);
  Total total;
  std::vector<std::set<std::uint64_t>> done(static_cast<std::size_t>(options.jobs));
  std::map<pid_t, int> jobs;
  std::vector<int> starts(done.size());
  const auto path_of = [&](int job) {
    return (folder / fmt::format("{}-{}", job, starts[static_cast<std::size_t>(job)])).string();
  };
  const auto start = [&](int job) {
    const auto seeds = seeds_of(options, job, done[static_cast<std::size_t>(job)]);
    if (seeds.empty()) return;
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) work(options, seeds, path_of(job));
    jobs[child] = job;
  };
  for (int job = 0; job < options.jobs; ++job) start(job);
  while (!jobs.empty()) {
    int status = 0;
    const pid_t child = wait(&status);
    if (!jobs.contains(child)) continue;
    const int job = jobs[child];
    jobs.erase(child);
    auto& own = done[static_cast<std::size_t>(job)];
    const auto begun = collect(path_of(job), options, total, own);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    if (begun && !(WIFEXITED(status) && WEXITSTATUS(status) == kPoisoned)) {
      own.insert(*begun);
      ++total.fates["crashed"];
      const bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
      total.findings.push_back({*begun, "crashed",
                                hung ? "no end within the time that one may take"
                                     : fmt::format("the process ended with status {:#x}", status)});
    }
    if (++starts[static_cast<std::size_t>(job)] > kMostRestarts) {
      total.findings.push_back({0, "given up", fmt::format("job {} died too often", job)});
      continue;
    }
    start(job);
  }
  fs::remove_all(folder);
  if (std::chrono::steady_clock::now() < options.end()) reduce_all(options, total);
  return total;
}

}  // namespace bitloom::test
