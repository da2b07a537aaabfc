// A page at work: its files in a folder of their own, its commands run there.
#pragma once

#include <string>
#include <vector>

#include "tests/docs/page.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::test {

struct Command {
  std::string text;    // without `$ `
  std::string output;  // what the page shows
};

// A console block as commands with their output; a command whose line ends in `\` goes on in the
// next.
std::vector<Command> commands_of(const std::string& console);

class Workplace {
 public:
  // Writes every block that has a name; `kernels` and `stdlib` are those of the project.
  explicit Workplace(const Page& page);

  // Standard output, then standard error, of a command line of the `bitloom` program.
  std::string run(const std::string& command) const;
  std::string path(const std::string& file) const { return folder_.path(file); }

 private:
  tests::TemporaryFolder folder_;
};

}  // namespace bitloom::test
