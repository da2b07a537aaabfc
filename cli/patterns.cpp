// bitloom patterns MODEL TEXT: which pattern of sparse attention fits each head of a model.
#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "cli/model_options.h"
#include "runtime/host/file.h"
#include "stack/model/pattern_search.h"

namespace bitloom::cli {
namespace {

struct PatternsCommand {
  ModelOptions model;
  std::string text, out;
  std::vector<std::string> candidates = {"a-shape:1024,4096", "vertical-slash:1000,6096",
                                         "vertical-slash:3500,100", "block-sparse:100"};
  std::int64_t sample = 1024;
};

runtime::Result<void> run(const PatternsCommand& options, const Context& context) {
  stack::PatternSearchOptions settings;
  for (const std::string& text : options.candidates) {
    const auto pattern = stack::parse_attention_pattern(text);
    if (!pattern) return tl::make_unexpected(pattern.error());
    settings.candidates.push_back(*pattern);
  }
  const auto file = runtime::MappedFile::open(options.text);
  if (!file) return tl::make_unexpected(file.error());
  auto loaded = load_model(options.model, context);
  if (!loaded) return tl::make_unexpected(loaded.error());
  const auto bytes = file->bytes();
  auto ids = loaded->tokenizer.encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!ids) return tl::make_unexpected(ids.error());
  if (static_cast<std::int64_t>(ids->size()) > options.sample)
    ids->resize(static_cast<std::size_t>(options.sample));
  const bool live = isatty(STDERR_FILENO) != 0;
  settings.progress = [live](std::int64_t done, std::int64_t all) {
    if (live) fmt::print(stderr, "\rlayer {} of {} ", done, all);
    if (live && done == all) fmt::print(stderr, "\n");
  };
  const auto found = stack::search_patterns(loaded->model, *ids, settings);
  if (!found) return tl::make_unexpected(found.error());

  struct Sum {
    int heads = 0;
    double recall = 0;
  };
  std::map<std::string, Sum> sums;
  for (const auto& layer : *found) {
    for (const stack::FoundPattern& head : layer) {
      Sum& sum = sums[stack::to_string(head.pattern)];
      ++sum.heads;
      sum.recall += head.recall;
    }
  }
  fmt::print("{:<32} {:>6} {:>12}\n", "pattern", "heads", "mean recall");
  for (const auto& [name, sum] : sums)
    fmt::print("{:<32} {:>6} {:>12.4f}\n", name, sum.heads, sum.recall / sum.heads);
  if (options.out.empty()) return {};
  const std::string text = stack::print_attention_patterns(*found);
  const std::span<const std::byte> pieces[] = {runtime::bytes_of(text)};
  return runtime::write_file(options.out, pieces);
}

}  // namespace

void add_patterns(CLI::App& app, Context& context) {
  auto options = std::make_shared<PatternsCommand>();
  CLI::App* command =
      app.add_subcommand("patterns", "which pattern of sparse attention fits each head");
  declare_model_options(*command, options->model);
  command->add_option("TEXT", options->text, "a sample, UTF-8: the longer, the better")->required();
  command->add_option("-o,--output", options->out,
                      "a JSON file for --patterns; none: only the table");
  command
      ->add_option("--candidate", options->candidates,
                   "patterns to choose from, such as a-shape:64,256; they should cost alike")
      ->capture_default_str();
  command->add_option("--sample", options->sample, "tokens of the text that are read")
      ->check(CLI::Range(2, 1 << 24))
      ->capture_default_str();
  command->footer(
      "\nExample:\n  bitloom patterns tests/data/kjv-7m tests/data/kjv-7m/calibration.txt "
      "--candidate a-shape:64,192 --candidate vertical-slash:64,192 -o patterns.json");
  command->callback([options, &context] { finish(run(*options, context), context); });
}

}  // namespace bitloom::cli
