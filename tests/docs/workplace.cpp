#include "tests/docs/workplace.h"

#include <cstdlib>
#include <filesystem>

#include "tests/support/places.h"

namespace bitloom::test {

std::vector<Command> commands_of(const std::string& console) {
  std::vector<Command> commands;
  bool goes_on = false;
  for (const std::string& line : lines_of(console)) {
    if (line.starts_with("$ ")) {
      commands.push_back({line.substr(2), ""});
    } else if (goes_on) {
      commands.back().text += line;
    } else if (!commands.empty()) {
      commands.back().output += line + "\n";
      continue;
    }
    goes_on = !commands.empty() && commands.back().text.ends_with('\\');
    if (goes_on) commands.back().text.pop_back();
  }
  return commands;
}

Workplace::Workplace(const Page& page) {
  for (const char* name : {"kernels", "stdlib"}) {
    std::filesystem::create_directory_symlink(std::string(BITLOOM_SOURCE_DIR "/") + name,
                                              folder_.path(name));
  }
  for (const Block& block : page.blocks) {
    if (!block.file.empty()) folder_.write(block.file, block.text);
  }
}

std::string Workplace::run(const std::string& command) const {
  const tests::TemporaryFolder notes;
  const std::string script = notes.write(
      "run.sh", "cd '" + folder_.path() +
                    "'\nexport PATH='" BITLOOM_BINARY_DIR "/bin':\"$PATH\" NO_COLOR=1\n" +
                    "export XDG_CACHE_HOME='" + notes.path("cache") + "'\nunset BITLOOM_STDLIB\n" +
                    command + "\n");
  const std::string line =
      "sh '" + script + "' >'" + notes.path("out") + "' 2>'" + notes.path("err") + "' </dev/null";
  // The page shows what is said; an exit status shows in a diagnostic.
  [[maybe_unused]] const int status = std::system(line.c_str());
  return notes.read("out") + notes.read("err");
}

}  // namespace bitloom::test
