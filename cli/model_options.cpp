#include "cli/model_options.h"

#include <fmt/format.h>

#include "runtime/host/file.h"

namespace bitloom::cli {

using runtime::Result;

void declare_model_options(CLI::App& command, ModelOptions& options) {
  command
      .add_option("MODEL", options.folder, "a checkpoint folder (config.json, tokenizer.json, …)")
      ->required();
  command.add_option("--on", options.engine, "interpreter or gpu")
      ->check(CLI::IsMember({"interpreter", "gpu"}))
      ->capture_default_str();
  command.add_option("--device", options.device, "which GPU, counted from 0")
      ->capture_default_str();
  command.add_option("--compute", options.compute, "f32, or bf16 with sums in f32")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  command.add_option("--kernels", options.kernels, "the folder of the shipped kernels");
  command.add_flag("--checks", options.checks, "with the interpreter's hazard checks");
}

void declare_attention_options(CLI::App& command, AttentionOptions& options) {
  command
      .add_option("--attention", options.pattern,
                  "what the prompt attends to: dense, a-shape:SINK,WINDOW, "
                  "vertical-slash:COLUMNS,DIAGONALS, block-sparse:BLOCKS, or minference")
      ->capture_default_str();
  command.add_option("--patterns", options.file,
                     "with minference: a pattern for each head, from bitloom patterns");
}

Result<stack::AttentionPatterns> attention_patterns(const AttentionOptions& options,
                                                    const stack::ModelConfig& config) {
  const bool by_head = options.pattern == "minference";
  if (by_head && options.file.empty())
    return runtime::failure("BL0643", "--attention minference needs a pattern for each head",
                            "bitloom patterns MODEL TEXT -o FILE, and --patterns FILE");
  if (!by_head && !options.file.empty())
    return runtime::failure(
        "BL0643", fmt::format("--patterns does not go with --attention {}", options.pattern),
        "--attention minference");
  if (!by_head) {
    const auto pattern = stack::parse_attention_pattern(options.pattern);
    if (!pattern) return tl::make_unexpected(pattern.error());
    return stack::same_pattern(*pattern, config);
  }
  const auto file = runtime::MappedFile::open(options.file);
  if (!file) return tl::make_unexpected(file.error());
  const auto bytes = file->bytes();
  return stack::parse_attention_patterns(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, options.file, config);
}

Result<std::unique_ptr<stack::Executor>> make_executor(const ModelOptions& options,
                                                       const Context& context) {
  stack::ExecutorOptions settings{.kernels = options.kernels,
                                  .stdlib = context.stdlib,
                                  .checks = options.checks,
                                  .stop = &interrupted()};
  if (options.engine != "gpu") {
    watch_for_interrupt();
    return stack::make_interpreter(settings);
  }
  const auto device = runtime::Device::open(options.device);
  if (!device) return tl::make_unexpected(device.error());
  return stack::make_gpu(*device, settings);
}

Result<LoadedModel> load_model(const ModelOptions& options, const Context& context) {
  const auto checkpoint = stack::Checkpoint::open(options.folder);
  if (!checkpoint) return tl::make_unexpected(checkpoint.error());
  auto tokenizer = stack::Tokenizer::from_file(options.folder + "/tokenizer.json");
  if (!tokenizer) return tl::make_unexpected(tokenizer.error());
  auto executor = make_executor(options, context);
  if (!executor) return tl::make_unexpected(executor.error());
  auto model =
      stack::Model::load(*checkpoint, **executor,
                         options.compute == "bf16" ? stack::Compute::BF16 : stack::Compute::F32);
  if (!model) return tl::make_unexpected(model.error());
  return LoadedModel{std::move(*executor), std::move(*tokenizer), std::move(*model)};
}

Result<stack::InputScales> calibrate(const std::string& folder, const std::string& text,
                                     const stack::Checkpoint& checkpoint,
                                     stack::Executor& executor) {
  // Enough for sizes, which hardly change beyond.
  constexpr std::int64_t kSampleTokens = 512, kSamples = 8;
  if (text.empty()) return stack::InputScales();
  const auto file = runtime::MappedFile::open(text);
  if (!file) return tl::make_unexpected(file.error());
  const auto tokenizer = stack::Tokenizer::from_file(folder + "/tokenizer.json");
  if (!tokenizer) return tl::make_unexpected(tokenizer.error());
  const auto ids = tokenizer->encode(
      {reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()});
  if (!ids) return tl::make_unexpected(ids.error());
  auto model = stack::Model::load(checkpoint, executor, stack::Compute::F32);
  if (!model) return tl::make_unexpected(model.error());
  return stack::input_scales(*model, *ids, kSampleTokens, kSamples);
}

void finish(const Result<void>& result, Context& context) {
  vm::Diagnostics diagnostics;
  if (!result) {
    diagnostics.error(result.error().code, {}, result.error().message);
    diagnostics.last().hints = result.error().hints;
  }
  context.exit_code = report(diagnostics, dsl::SourceManager(), context);
}

}  // namespace bitloom::cli
