#include "runtime/compile_many.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>

#include "runtime/compile_message.h"
#include "runtime/environment.h"
#include "vm/text/parser.h"

extern char** environ;

namespace bitloom::runtime {
namespace {

namespace fs = std::filesystem;

std::string find_program(const std::string& said) {
  if (!said.empty()) return said;
  if (const auto worker = environment(Variable::Worker)) return *worker;
  std::error_code ignored;
  const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
  for (const fs::path& path :
       {self.parent_path() / "bitloom", self.parent_path().parent_path() / "bin" / "bitloom"}) {
    if (!self.empty() && ::access(path.c_str(), X_OK) == 0) return path.string();
  }
  return {};
}

// A worker process, and the job that it has. Ends with its object: the worker sees the end of its
// input.
class Worker {
 public:
  static std::unique_ptr<Worker> start(const std::string& program);
  ~Worker() { wait(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  int socket() const { return socket_; }
  // Closes the socket and waits; "exit code 3", "signal 9".
  std::string wait();

  static constexpr std::size_t kIdle = ~std::size_t{0};
  std::size_t job = kIdle;

 private:
  Worker(pid_t process, int socket) : process_(process), socket_(socket) {}
  pid_t process_;
  int socket_;
};

std::unique_ptr<Worker> Worker::start(const std::string& program) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return nullptr;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string path = program, command = kWorkerCommand;
  char* arguments[] = {path.data(), command.data(), nullptr};
  pid_t process = 0;
  const int error = ::posix_spawn(&process, path.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) {
    ::close(ends[0]);
    return nullptr;
  }
  return std::unique_ptr<Worker>(new Worker(process, ends[0]));
}

std::string Worker::wait() {
  if (socket_ < 0) return {};
  ::close(socket_);
  socket_ = -1;
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

CompileOutcome compile_here(const CompileJob& job, const Cache::Options& cache_options) {
  CompileOutcome outcome;
  Cache cache(cache_options);
  outcome.kernel =
      compile_kernel(*job.checked, job.options, cache_options.folder.empty() ? nullptr : &cache,
                     outcome.diagnostics, nullptr, &outcome.trace);
  return outcome;
}

class Pool {
 public:
  Pool(std::span<const CompileJob> jobs, const CompileManyOptions& options, std::string program)
      : jobs_(jobs), options_(options), program_(std::move(program)), outcomes_(jobs.size()) {}

  std::vector<CompileOutcome> run(std::size_t workers);

 private:
  bool give_next(Worker& worker);
  void wait_for_one();
  void receive(std::unique_ptr<Worker>& worker);

  std::span<const CompileJob> jobs_;
  const CompileManyOptions& options_;
  std::string program_;
  std::vector<CompileOutcome> outcomes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t next_ = 0, done_ = 0;
};

bool Pool::give_next(Worker& worker) {
  if (next_ == jobs_.size()) return false;
  worker.job = next_++;
  // A worker that has died is noticed when its answer is read.
  send_message(worker.socket(), encode(jobs_[worker.job], options_.cache));
  return true;
}

void Pool::receive(std::unique_ptr<Worker>& worker) {
  const std::size_t job = std::exchange(worker->job, Worker::kIdle);
  const auto bytes = receive_message(worker->socket());
  auto outcome = bytes ? decode_outcome(*bytes) : std::nullopt;
  ++done_;
  if (outcome) {
    outcomes_[job] = std::move(*outcome);
    CompileOutcome& kept = outcomes_[job];
    if (kept.kernel) kept.kernel->resolve(*jobs_[job].checked);
  } else {
    const std::string end = worker->wait();
    outcomes_[job].diagnostics.error(
        "BL0901", jobs_[job].checked->span,
        fmt::format("internal error: the process that compiled kernel '{}' ended with {}",
                    jobs_[job].checked->name, end));
    worker = Worker::start(program_);
  }
  if (worker) give_next(*worker);
}

void Pool::wait_for_one() {
  std::vector<pollfd> polled;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (!workers_[i] || workers_[i]->job == Worker::kIdle) continue;
    polled.push_back({workers_[i]->socket(), POLLIN, 0});
    which.push_back(i);
  }
  if (::poll(polled.data(), polled.size(), -1) < 0) return;
  for (std::size_t i = 0; i < polled.size(); ++i) {
    if (polled[i].revents != 0) receive(workers_[which[i]]);
  }
}

std::vector<CompileOutcome> Pool::run(std::size_t workers) {
  for (std::size_t i = 0; i < workers && next_ < jobs_.size(); ++i) {
    auto worker = Worker::start(program_);
    if (!worker) break;
    give_next(*worker);
    workers_.push_back(std::move(worker));
  }
  const auto busy = [](const std::unique_ptr<Worker>& worker) {
    return worker && worker->job != Worker::kIdle;
  };
  while (std::ranges::any_of(workers_, busy)) wait_for_one();
  // No worker could be started, or none any more.
  for (; next_ < jobs_.size(); ++next_)
    outcomes_[next_] = compile_here(jobs_[next_], options_.cache);
  return std::move(outcomes_);
}

}  // namespace

std::vector<CompileOutcome> compile_many(std::span<const CompileJob> jobs,
                                         const CompileManyOptions& options) {
  const std::string program = find_program(options.program);
  const int processors = static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
  const int workers = options.workers > 0 ? options.workers : processors;
  return Pool(jobs, options, program).run(program.empty() ? 0 : static_cast<std::size_t>(workers));
}

int run_compile_worker() {
  // Standard output is the socket: what a library prints must not get into it.
  const int socket = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  if (socket < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return 1;
  while (const auto bytes = receive_message(socket)) {
    const auto job = decode_job(*bytes);
    if (!job) return 1;
    CompileOutcome outcome;
    if (const auto function = vm::parse_function(job->program, outcome.diagnostics))
      outcome = compile_here({&*function, job->options}, job->cache);
    if (!send_message(socket, encode(outcome))) return 1;
  }
  return 0;
}

}  // namespace bitloom::runtime
