#include "tests/faults/fault_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace bitloom::test {
namespace {

using Pair = std::pair<std::string, std::string>;

Pair split(const std::string& text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string::npos) return {text, ""};
  return {text.substr(0, at), text.substr(at + 1)};
}

runtime::Source source(const std::string& text) {
  if (text == "random") return {runtime::Source::Random{}, text};
  if (text == "zeros") return {runtime::Source::Zeros{}, text};
  if (text.find('.') != std::string::npos) return {std::stod(text), text};
  return {static_cast<std::int64_t>(std::stoll(text)), text};
}

// One word of a RUN line, such as `arg=x=random`.
bool apply_word(const std::string& word, runtime::Job& job) {
  const auto [option, value] = split(word, '=');
  const auto [name, rest] = split(value, '=');
  if (option == "target") {
    const auto target = vm::Target::parse(value);
    if (target) job.target = *target;
    return target.has_value();
  }
  if (option == "shape") {
    std::istringstream items(value);
    for (std::string item; std::getline(items, item, ',');) {
      const auto [size, extent] = split(item, '=');
      job.request.sizes[size] = std::stoll(extent);
    }
    return true;
  }
  if (option == "steps")
    job.launch.step_limit = std::stoull(value);
  else if (option == "sms")
    job.request.device_sms = std::stoi(value);
  else if (option == "kernel")
    job.kernel = value;
  else if (option == "out")
    job.request.outputs.insert(value);
  else if (option == "set")
    job.generics[name] = rest;
  else if (option == "arg")
    job.request.arguments[name] = source(rest);
  else
    return false;
  return true;
}

std::string lines_of(const std::multiset<Pair>& pairs) {
  std::string text;
  for (const auto& [code, line] : pairs) text += fmt::format(" {} @ {}", code, line);
  return text.empty() ? " nothing" : text;
}

}  // namespace

std::vector<std::string> apply_run_words(const std::string& text, runtime::Job& job) {
  std::vector<std::string> mistakes;
  std::istringstream words(text);
  for (std::string word; words >> word;)
    if (!apply_word(word, job)) mistakes.push_back(word);
  return mistakes;
}

FaultFile read_fault_file(const std::string& path) {
  static const std::regex kError(R"(\s*// error\[(BL\d{4})\] @ (\d+)(?:: (.*))?)");
  static const std::regex kNote(R"(\s*// note @ (\d+)(?:: (.*))?)");
  FaultFile file;
  file.job.file = path;
  file.job.launch.workers = 1;
  std::ifstream in(path);
  bool has_run = false;
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (line.starts_with("// RUN:")) {
      has_run = true;
      file.mistakes = apply_run_words(line.substr(7), file.job);
    } else if (std::regex_match(line, match, kError)) {
      file.errors.push_back({match[1], static_cast<std::uint32_t>(std::stoul(match[2])), match[3]});
    } else if (std::regex_match(line, match, kNote)) {
      file.notes.push_back({static_cast<std::uint32_t>(std::stoul(match[1])), match[2]});
    } else if (line.find("// error") != std::string::npos ||
               line.find("// note") != std::string::npos) {
      file.mistakes.push_back(line);
    }
  }
  if (!has_run) file.mistakes.push_back("the file has no line `// RUN: …`");
  return file;
}

std::string compare(const FaultFile& file, const vm::Diagnostics& diagnostics) {
  std::multiset<Pair> expected, found;
  for (const ExpectedError& error : file.errors)
    expected.emplace(error.code, fmt::to_string(error.line));
  std::string problems;
  std::vector<vm::Note> notes;
  for (const vm::Diagnostic& diagnostic : diagnostics.all()) {
    found.emplace(diagnostic.code, fmt::to_string(diagnostic.span.line));
    notes.insert(notes.end(), diagnostic.notes.begin(), diagnostic.notes.end());
  }
  if (expected != found)
    problems += fmt::format("expected{}\nfound{}\n", lines_of(expected), lines_of(found));
  for (const ExpectedError& error : file.errors) {
    const auto says = [&](const vm::Diagnostic& diagnostic) {
      return diagnostic.code == error.code && diagnostic.span.line == error.line &&
             diagnostic.message.find(error.text) != std::string::npos;
    };
    if (std::none_of(diagnostics.all().begin(), diagnostics.all().end(), says))
      problems += fmt::format("no {} @ {} says '{}'\n", error.code, error.line, error.text);
  }
  for (const ExpectedNote& note : file.notes) {
    const auto says = [&](const vm::Note& other) {
      return other.span.line == note.line && other.text.find(note.text) != std::string::npos;
    };
    if (std::none_of(notes.begin(), notes.end(), says))
      problems += fmt::format("no note @ {} says '{}'\n", note.line, note.text);
  }
  return problems;
}

}  // namespace bitloom::test
