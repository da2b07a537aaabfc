// bitloom generate MODEL PROMPT: goes on with a text, and prints it as it comes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/model_options.h"
#include "dsl/utf8.h"
#include "stack/model/token_ops.h"
#include "stack/text/byte_level.h"

namespace bitloom::cli {
namespace {

struct GenerateCommand {
  ModelOptions model;
  AttentionOptions attention;
  std::string prompt;
  std::int64_t tokens = 64;
  stack::Sampling sampling;
  bool verbose = false;
};

// Prints tokens as they come: whole characters only, and nothing that would steer a terminal.
class TextStream {
 public:
  void add(const std::string& bytes) {
    waiting_ += bytes;
    std::size_t taken = 0;
    print(stack::lossy_utf8(waiting_, true, &taken));
    waiting_.erase(0, taken);
  }
  void end() {
    print(stack::lossy_utf8(waiting_));
    fmt::print("\n");
    std::fflush(stdout);  // before what goes to standard error
  }

 private:
  static void print(const std::string& text) {
    std::string line;
    for (const char c : text) {
      if (c == '\n' || c == '\t') {
        fmt::print("{}{}", dsl::escape_unprintable(line), c);
        line.clear();
      } else {
        line += c;
      }
    }
    fmt::print("{}", dsl::escape_unprintable(line));
    std::fflush(stdout);
  }
  std::string waiting_;
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The hidden state behind the last token of the prompt.
runtime::Result<stack::Array> read_prompt(stack::Model& model, stack::KvCache& cache,
                                          const std::vector<stack::TokenId>& ids) {
  for (std::size_t at = 0;; at += stack::Model::kChunk) {
    const std::size_t m = std::min<std::size_t>(stack::Model::kChunk, ids.size() - at);
    auto hidden = model.forward(std::span(ids).subspan(at, m), cache);
    if (!hidden) return hidden;
    if (at + m == ids.size()) return hidden->rows(static_cast<std::int64_t>(m) - 1, 1);
  }
}

runtime::Result<void> run(const GenerateCommand& options, const Context& context) {
  auto loaded = load_model(options.model, context);
  if (!loaded) return tl::make_unexpected(loaded.error());
  stack::Model& model = loaded->model;
  auto patterns = attention_patterns(options.attention, model.config());
  if (!patterns) return tl::make_unexpected(patterns.error());
  model.set_attention(std::move(*patterns));
  const auto ids = loaded->tokenizer.encode_with_template(options.prompt);
  if (!ids) return tl::make_unexpected(ids.error());
  if (ids->empty())
    return runtime::failure("BL0640", "the prompt has no tokens", "give at least one character");
  const auto length = static_cast<std::int64_t>(ids->size()) + options.tokens;
  if (length > model.config().positions)
    return runtime::failure(
        "BL0640",
        fmt::format("{} tokens of the prompt and {} more do not fit a context of {}", ids->size(),
                    options.tokens, model.config().positions),
        "a shorter prompt, or fewer --tokens");
  auto cache = stack::KvCache::create(model.executor(), model.config(), model.element(), length);
  if (!cache) return tl::make_unexpected(cache.error());

  TextStream out;
  out.add(options.prompt);
  auto begin = Clock::now();
  auto hidden = read_prompt(model, *cache, *ids);
  if (!hidden) return tl::make_unexpected(hidden.error());
  const double prompt_seconds = seconds_since(begin);
  begin = Clock::now();
  std::int64_t made = 0;
  for (; made < options.tokens; ++made) {
    const auto logits = model.logits(*hidden);
    if (!logits) return tl::make_unexpected(logits.error());
    const auto token = stack::next_token(model.executor(), *logits, options.sampling,
                                         static_cast<std::uint32_t>(made));
    if (!token) return tl::make_unexpected(token.error());
    if (std::ranges::find(model.config().end_tokens, *token) != model.config().end_tokens.end())
      break;
    out.add(loaded->tokenizer.bytes_of(*token));
    if (made + 1 == options.tokens) continue;
    hidden = model.forward(std::span(&*token, 1), *cache);
    if (!hidden) return tl::make_unexpected(hidden.error());
  }
  out.end();
  if (options.verbose) {
    const double seconds = seconds_since(begin);
    fmt::print(stderr,
               "prompt: {} tokens in {:.2f} s; generated: {} tokens in {:.2f} s, {:.2f} a second\n",
               ids->size(), prompt_seconds, made, seconds,
               seconds > 0 ? static_cast<double>(made) / seconds : 0.0);
    fmt::print(stderr, "the prompt attended to {:.3f} of dense attention\n",
               model.attention_density());
  }
  return {};
}

}  // namespace

void add_generate(CLI::App& app, Context& context) {
  auto options = std::make_shared<GenerateCommand>();
  CLI::App* command = app.add_subcommand("generate", "goes on with a text");
  declare_model_options(*command, options->model);
  command->add_option("PROMPT", options->prompt, "how the text begins, UTF-8")->required();
  command->add_option("--tokens", options->tokens, "how many tokens at most")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  declare_attention_options(*command, options->attention);
  command
      ->add_option("--temperature", options->sampling.temperature,
                   "0 takes the likeliest token; 1 draws by the model's own probabilities")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command
      ->add_option("--min-p", options->sampling.min_p,
                   "leaves out tokens less likely than this part of the likeliest")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--seed", options->sampling.seed, "of the draws")->capture_default_str();
  command->add_flag("-v,--verbose", options->verbose, "tokens a second");
  command->footer(
      "\nExample:\n  bitloom generate tests/data/kjv-7m \"In the beginning\" --tokens 32");
  command->callback([options, &context] { finish(run(*options, context), context); });
}

}  // namespace bitloom::cli
