#include "tests/cli/transcript.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <sstream>

#include "runtime/host/npy.h"
#include "runtime/host/random.h"
#include "runtime/host/safetensors.h"
#include "tests/cli/process.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"
#include "vm/numerics.h"

namespace bitloom::tests {
namespace {

namespace fs = std::filesystem;
using runtime::HostArray;

constexpr std::string_view kAny = "…";
constexpr std::chrono::seconds kLimit{120};

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// ---- What lies in the folder before a command --------------------------------------------------

// "f32 [2, 2]: 1 2 3 4"
std::optional<HostArray> array_of(std::istringstream& words) {
  std::string name, shape_text, contents;
  words >> name;
  std::getline(words, shape_text, ':');
  std::getline(words, contents);
  const auto type = vm::parse_element_type(name);
  if (!type) return std::nullopt;
  runtime::Shape shape;
  std::replace_if(
      shape_text.begin(), shape_text.end(), [](char c) { return c != '-' && (c < '0' || c > '9'); },
      ' ');
  std::istringstream extents(shape_text);
  for (std::int64_t extent; extents >> extent;) shape.push_back(extent);
  std::istringstream values(contents);
  std::string word;
  values >> word;
  std::uint64_t seed = 0;
  if (word == "random" && values >> seed) {
    auto random = runtime::random_array(*type, shape, seed, 0);
    return random ? std::optional(std::move(*random)) : std::nullopt;
  }
  auto array = HostArray::zeros(*type, shape);
  if (!array) return std::nullopt;
  if (word == "zeros") return std::move(*array);
  for (std::size_t i = 0; i < array->size(); ++i) {
    const double value = std::strtod(word.c_str(), nullptr);
    array->set_code(i, type->is_narrow()
                           ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value))
                           : vm::encode(*type, value));
    if (!(values >> word) && i + 1 < array->size()) return std::nullopt;
  }
  return std::move(*array);
}

// \xe9 stands for the byte.
std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "\\x") == 0 && i + 4 <= text.size()) {
      result += static_cast<char>(std::strtoul(text.substr(i + 2, 2).c_str(), nullptr, 16));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

bool replace_bytes(const fs::path& path, const std::string& from, const std::string& to) {
  std::string text = read(path);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) return false;
  write(path, text.replace(at, from.size(), unescaped(to)));
  return true;
}

// A line behind `==` other than `file`. False when it is not understood.
bool prepare(const std::string& line, const fs::path& folder) {
  std::istringstream words(line);
  std::string verb, name;
  words >> verb >> name;
  if (verb == "npy") {
    const auto array = array_of(words);
    return array && runtime::write_npy(folder / name, *array);
  }
  if (verb == "safetensors") {
    std::string tensor;
    words >> tensor;
    const auto array = array_of(words);
    const std::vector<runtime::NamedArray> arrays = {{tensor, array ? &*array : nullptr}};
    return array && runtime::write_safetensors(folder / name, arrays);
  }
  if (verb == "resize") {
    std::uintmax_t bytes = 0;
    std::error_code error;
    words >> bytes;
    if (!fs::exists(folder / name)) write(folder / name, "");
    fs::resize_file(folder / name, bytes, error);
    return !error;
  }
  if (verb == "replace") {
    const std::vector<std::string> all = words_of(line);
    return all.size() == 4 && replace_bytes(folder / name, all[2], all[3]);
  }
  return verb == "folder" && fs::create_directory(folder / name);
}

// ---- What a command does -----------------------------------------------------------------------

std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_symlink()) continue;
    const std::string name = fs::relative(entry.path(), folder).string();
    files[name] = entry.is_directory() ? "a folder" : read(entry.path());
  }
  return files;
}

void add_lines(std::vector<std::string>& result, std::string_view mark, const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    result.push_back(line.empty() ? std::string(mark) : fmt::format("{} {}", mark, line));
  if (!text.empty() && !text.ends_with('\n')) result.push_back("(no newline at the end)");
}

std::vector<std::string> answer(const std::string& command, const fs::path& folder) {
  std::vector<std::string> words = words_of(command);
  if (words.empty() || words[0] != "bitloom") return {"(a command begins with bitloom)"};
  words[0] = bitloom_program();
  const auto before = files_in(folder);
  const Finished finished = Process(words, folder).wait(kLimit);
  const auto after = files_in(folder);
  std::vector<std::string> result;
  add_lines(result, ">", finished.out);
  add_lines(result, "!", finished.err);
  for (const auto& [name, contents] : after) {
    const auto old = before.find(name);
    if (old == before.end() || old->second != contents) result.push_back("+ " + name);
  }
  for (const auto& [name, contents] : before)
    if (!after.contains(name)) result.push_back("- " + name);
  result.push_back(finished.timed_out ? "(did not end)" : fmt::format("= {}", finished.status));
  return result;
}

// ---- Comparing ---------------------------------------------------------------------------------

bool line_fits(std::string_view expected, std::string_view line) {
  const std::size_t any = expected.find(kAny);
  if (any == std::string_view::npos) return expected == line;
  if (!line.starts_with(expected.substr(0, any))) return false;
  expected.remove_prefix(any + kAny.size());
  line.remove_prefix(any);
  for (std::size_t skipped = 0; skipped <= line.size(); ++skipped)
    if (line_fits(expected, line.substr(skipped))) return true;
  return false;
}

bool lines_fit(std::span<const std::string> expected, std::span<const std::string> lines) {
  if (expected.empty()) return lines.empty();
  const std::string& first = expected.front();
  if (first.size() == 2 + kAny.size() && first.ends_with(kAny)) {  // "> …"
    for (std::size_t skipped = 0;; ++skipped) {
      if (lines_fit(expected.subspan(1), lines.subspan(skipped))) return true;
      if (skipped == lines.size() || lines[skipped].substr(0, 1) != first.substr(0, 1))
        return false;
    }
  }
  return !lines.empty() && line_fits(first, lines.front()) &&
         lines_fit(expected.subspan(1), lines.subspan(1));
}

bool is_expectation(const std::string& line) {
  return !line.empty() && std::string_view(">!+-=(").find(line[0]) != std::string_view::npos &&
         (line.size() == 1 || line[1] == ' ' || line[0] == '(');
}

// Plays a session line by line and writes it anew.
class Player {
 public:
  explicit Player(std::string path) : path_(std::move(path)) {
    std::istringstream text(read(path_));
    for (std::string line; std::getline(text, line);) lines_.push_back(line);
    fs::create_directory_symlink(BITLOOM_SOURCE_DIR "/kernels", folder_.path("kernels"));
  }

  std::string play() {
    while (at_ < lines_.size()) {
      const std::string line = lines_[at_++];
      played_ += line + "\n";
      if (line.starts_with("== file ")) {
        write_text(line.substr(8));
      } else if (line.starts_with("== ")) {
        if (!prepare(line.substr(3), folder_.path())) complain("not understood: " + line);
      } else if (line.starts_with("$ ")) {
        run(line.substr(2));
      } else if (!line.empty() && !line.starts_with("#")) {
        complain("not understood: " + line);
      }
    }
    const char* update = std::getenv("BITLOOM_UPDATE");
    if (update && std::string_view(update) == "1" && played_ != read(path_)) write(path_, played_);
    return problems_;
  }

 private:
  void complain(const std::string& problem) {
    problems_ += fmt::format("{}:{}: {}\n", path_, at_, problem);
  }

  void write_text(const std::string& name) {
    std::string text;
    while (at_ < lines_.size() && !lines_[at_].starts_with("== ") &&
           !lines_[at_].starts_with("$ ")) {
      text += lines_[at_] + "\n";
      played_ += lines_[at_++] + "\n";
    }
    write(folder_.path(name), text);
  }

  void run(const std::string& command) {
    std::vector<std::string> expected;
    while (at_ < lines_.size() && is_expectation(lines_[at_]) && !lines_[at_].starts_with("== "))
      expected.push_back(lines_[at_++]);
    const std::vector<std::string> found = answer(command, folder_.path());
    const bool fits = lines_fit(expected, found);
    for (const std::string& line : fits ? expected : found) played_ += line + "\n";
    if (fits) return;
    complain(fmt::format("$ {}\nexpected\n  {}\nfound\n  {}", command, fmt::join(expected, "\n  "),
                         fmt::join(found, "\n  ")));
  }

  std::string path_;
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  std::string played_, problems_;
  TemporaryFolder folder_;
};

}  // namespace

std::vector<std::string> transcripts() {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(BITLOOM_SOURCE_DIR "/tests/cli/golden"))
    if (entry.path().extension() == ".txt") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

std::string play(const std::string& path) {
  return Player(path).play();
}

}  // namespace bitloom::tests
