// bitloom perplexity MODEL TEXT: how well a model predicts a text.
#include "stack/model/perplexity.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "cli/model_options.h"
#include "runtime/host/file.h"

namespace bitloom::cli {
namespace {

struct PerplexityCommand {
  ModelOptions model;
  AttentionOptions attention;
  std::string text;
  std::int64_t window = 1024, windows = 0;
};

runtime::Result<void> run(const PerplexityCommand& options, const Context& context) {
  const auto file = runtime::MappedFile::open(options.text);
  if (!file) return tl::make_unexpected(file.error());
  auto loaded = load_model(options.model, context);
  if (!loaded) return tl::make_unexpected(loaded.error());
  auto patterns = attention_patterns(options.attention, loaded->model.config());
  if (!patterns) return tl::make_unexpected(patterns.error());
  const bool sparse = !patterns->empty();
  loaded->model.set_attention(std::move(*patterns));
  const auto bytes = file->bytes();
  const auto ids =
      loaded->tokenizer.encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!ids) return tl::make_unexpected(ids.error());
  const bool live = isatty(STDERR_FILENO) != 0;
  stack::PerplexityOptions settings{.window = options.window, .windows = options.windows};
  settings.progress = [live](std::int64_t done, std::int64_t all, double value) {
    if (live) fmt::print(stderr, "\rwindow {} of {}: {:.4f} ", done, all, value);
    if (live && done == all) fmt::print(stderr, "\n");
  };
  const auto result = stack::perplexity(loaded->model, *ids, settings);
  if (!result) return tl::make_unexpected(result.error());
  if (sparse)
    fmt::print("attention: {:.3f} of the tiles of dense attention\n",
               loaded->model.attention_density());
  fmt::print("{} tokens predicted, in windows of {}\nperplexity: {:.4f}\n", result->tokens,
             options.window, result->value);
  return {};
}

}  // namespace

void add_perplexity(CLI::App& app, Context& context) {
  auto options = std::make_shared<PerplexityCommand>();
  CLI::App* command = app.add_subcommand("perplexity", "how well a model predicts a text");
  declare_model_options(*command, options->model);
  command->add_option("TEXT", options->text, "a text file, UTF-8")->required();
  declare_attention_options(*command, options->attention);
  command->add_option("--window", options->window, "tokens of a window")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--windows", options->windows, "only the first so many windows (0: all)")
      ->check(CLI::NonNegativeNumber);
  command->footer(
      "\nExample:\n  bitloom perplexity tests/data/kjv-7m tests/data/kjv-7m/dev.txt --windows 4");
  command->callback([options, &context] { finish(run(*options, context), context); });
}

}  // namespace bitloom::cli
