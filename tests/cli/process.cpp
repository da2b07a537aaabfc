#include "tests/cli/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/support/places.h"

extern char** environ;

namespace bitloom::tests {
namespace {

int nameless_file() {
  char name[] = "/tmp/bitloom-cli-XXXXXX";
  const int file = mkostemp(name, O_CLOEXEC);
  if (file >= 0) unlink(name);
  return file;
}

std::string contents(int file) {
  std::string text;
  char buffer[4096];
  lseek(file, 0, SEEK_SET);
  for (ssize_t got; (got = read(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

// The environment without what a developer may have set for the program.
std::vector<char*> environment() {
  std::vector<char*> kept;
  for (char** entry = environ; *entry; ++entry) {
    if (std::string_view(*entry).starts_with("BITLOOM_")) continue;
    kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

}  // namespace

std::string bitloom_program() {
  return BITLOOM_BINARY_DIR "/bin/bitloom";
}

std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> words;
  bool inside = false;
  char quote = 0;
  for (const char c : command) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        words.back() += c;
    } else if (c == ' ') {
      inside = false;
    } else {
      if (!inside) words.emplace_back();
      inside = true;
      if (c == '\'' || c == '"')
        quote = c;
      else
        words.back() += c;
    }
  }
  return words;
}

Process::Process(const std::vector<std::string>& words, const std::string& folder)
    : out_(nameless_file()), err_(nameless_file()) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> variables = environment();
  pid_ = fork();
  if (pid_ != 0) return;
  // The child: only what is safe between fork and exec.
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || chdir(folder.c_str()) != 0) _exit(127);
  dup2(nothing, STDIN_FILENO);
  dup2(out_, STDOUT_FILENO);
  dup2(err_, STDERR_FILENO);
  execve(arguments[0], arguments.data(), variables.data());
  _exit(127);
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_ >= 0) close(out_);
  if (err_ >= 0) close(err_);
}

bool Process::handles(int signal_number) const {
  std::ifstream status(fmt::format("/proc/{}/status", pid_));
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigCgt:")) continue;
    const std::uint64_t mask = std::strtoull(line.c_str() + 7, nullptr, 16);
    return (mask >> (signal_number - 1) & 1) != 0;
  }
  return false;
}

void Process::send(int signal_number) const {
  kill(pid_, signal_number);
}

Finished Process::wait(std::chrono::seconds limit) {
  Finished finished;
  const auto end = std::chrono::steady_clock::now() + limit;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (!finished.timed_out && std::chrono::steady_clock::now() > end) {
      finished.timed_out = true;
      kill(pid_, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  pid_ = -1;
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  finished.out = contents(out_);
  finished.err = contents(err_);
  return finished;
}

}  // namespace bitloom::tests
