// bitloom quantize MODEL -o OUT: a checkpoint with its linear layers in fewer bits.
#include "stack/quantize/quantize.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "cli/model_options.h"
#include "runtime/host/file.h"

namespace bitloom::cli {
namespace {

struct QuantizeCommand {
  ModelOptions model;
  std::string out, type = "u4", method = "rtn", calibration, policy;
  std::int64_t group = 128, rank = 32;
};

std::string_view text_of(const runtime::MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

runtime::Result<stack::QuantizePolicy> policy_of(const QuantizeCommand& options) {
  const auto type = stack::parse_weight_type(options.type);
  if (!type) return tl::make_unexpected(type.error());
  stack::QuantizePolicy policy({*type, options.group, options.method == "lqer" ? options.rank : 0});
  if (options.policy.empty()) return policy;
  const auto file = runtime::MappedFile::open(options.policy);
  if (!file) return tl::make_unexpected(file.error());
  if (auto done = policy.add_exceptions(text_of(*file), options.policy); !done)
    return tl::make_unexpected(done.error());
  return policy;
}

runtime::Result<void> run(const QuantizeCommand& options, const Context& context) {
  if (options.method != "lqer" && !options.calibration.empty())
    return runtime::failure("BL0706", "--calibration is for --method lqer",
                            "rounding to nearest looks at the weights only");
  const auto checkpoint = stack::Checkpoint::open(options.model.folder);
  if (!checkpoint) return tl::make_unexpected(checkpoint.error());
  const auto policy = policy_of(options);
  if (!policy) return tl::make_unexpected(policy.error());
  const auto executor = make_executor(options.model, context);
  if (!executor) return tl::make_unexpected(executor.error());
  auto scales = calibrate(options.model.folder, options.calibration, *checkpoint, **executor);
  if (!scales) return tl::make_unexpected(scales.error());
  stack::QuantizeOptions settings{*policy, std::move(*scales), {}};
  if (isatty(STDERR_FILENO) != 0) {
    settings.progress = [](std::int64_t done, std::int64_t all, const std::string& name) {
      const int filled = static_cast<int>(30 * done / std::max<std::int64_t>(1, all));
      fmt::print(stderr, "\r[{:<30}] {:3}% {:<48.48}{}", std::string(filled, '#'),
                 100 * done / std::max<std::int64_t>(1, all), name, done == all ? "\n" : "");
    };
  }
  const auto result = stack::quantize_checkpoint(**executor, *checkpoint, options.out, settings);
  if (!result) return tl::make_unexpected(result.error());
  fmt::print("{}: {} weights of linear layers in {:.3f} bits each, everything counted\n",
             options.out, result->weights, result->bits_per_weight());
  return {};
}

}  // namespace

void add_quantize(CLI::App& app, Context& context) {
  auto options = std::make_shared<QuantizeCommand>();
  CLI::App* command = app.add_subcommand("quantize", "a checkpoint in fewer bits");
  declare_model_options(*command, options->model);
  command->add_option("-o,--output", options->out, "the folder that is made")->required();
  command
      ->add_option("--type", options->type,
                   "u1 … u8 (asymmetric), i1 … i8, eXmY (symmetric), nf4, or none")
      ->capture_default_str();
  command->add_option("--group", options->group, "rows that share a scale")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--method", options->method,
                   "rtn: rounding to nearest; lqer: with a low-rank correction")
      ->check(CLI::IsMember({"rtn", "lqer"}))
      ->capture_default_str();
  command->add_option("--rank", options->rank, "of the correction")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--calibration", options->calibration,
                      "a text: the correction weighs inputs by their size on it (L²QER)");
  command->add_option("--policy", options->policy, "a JSON file with rules for some layers");
  command->footer(
      "\nExample:\n  bitloom quantize tests/data/kjv-7m -o kjv-u3 --type u3 --method lqer --rank "
      "32");
  command->callback([options, &context] { finish(run(*options, context), context); });
}

}  // namespace bitloom::cli
