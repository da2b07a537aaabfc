// Runs the `bitloom` program as a user does: its own process, its own folder, what it wrote and how
// it ended.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace bitloom::tests {

struct Finished {
  int status = -1;  // what the process returned; 128 + the signal that ended it
  std::string out, err;
  bool timed_out = false;
};

// build/bin/bitloom
std::string bitloom_program();

// Words of a command line: blanks separate, '…' and "…" hold together; nothing else is special.
std::vector<std::string> words_of(const std::string& command);

class Process {
 public:
  // Starts `words` (the first is a path) in `folder`, with nothing of BITLOOM_* in its environment.
  Process(const std::vector<std::string>& words, const std::string& folder);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Whether the process has a handler of its own for the signal; false also when it has ended.
  bool handles(int signal_number) const;
  void send(int signal_number) const;
  // Waits for the end, which is enforced after `limit`.
  Finished wait(std::chrono::seconds limit);

 private:
  int pid_ = -1;
  int out_ = -1, err_ = -1;  // temporary files, already without a name
};

}  // namespace bitloom::tests
