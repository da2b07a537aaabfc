// bitloom lqer MODEL: the low-rank corrections of a checkpoint's linear layers, and how much of the
// rounding error each rank gives back.
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/model_options.h"
#include "kernels/lqer/low_rank.h"
#include "runtime/host/file.h"
#include "runtime/host/safetensors.h"
#include "stack/quantize/quantize.h"
#include "vm/numerics.h"

namespace bitloom::cli {
namespace {

struct LqerCommand {
  ModelOptions model;
  std::string out, type = "u3", calibration;
  std::int64_t group = 128, rank = 32;
};

// The part of ‖S·E‖² that a rank gives back.
double recovered(const std::vector<double>& sigma, std::int64_t rank) {
  double kept = 0, all = 0;
  for (std::size_t i = 0; i < sigma.size(); ++i) {
    all += sigma[i] * sigma[i];
    if (static_cast<std::int64_t>(i) < rank) kept += sigma[i] * sigma[i];
  }
  return all > 0 ? kept / all : 1;
}

// A matrix [rows, columns] as f16 [columns, rows]: how checkpoints hold weights.
runtime::Result<runtime::HostArray> f16_transposed(const std::vector<float>& x, std::int64_t rows,
                                                   std::int64_t columns) {
  auto array = runtime::HostArray::zeros(vm::kF16, {columns, rows});
  if (!array) return array;
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j)
      array->set_code(
          static_cast<std::size_t>(j * rows + i),
          vm::encode(vm::kF16, static_cast<double>(x[static_cast<std::size_t>(i * columns + j)])));
  return array;
}

runtime::Result<kernels::LowRank> correction_of(const std::string& name,
                                                const stack::Checkpoint& checkpoint,
                                                stack::Executor& executor, vm::ElementType type,
                                                const LqerCommand& options,
                                                const stack::InputScales& scales) {
  const auto weight = checkpoint.read(name);
  if (!weight) return tl::make_unexpected(weight.error());
  const auto quantized = stack::quantize_weight(executor, name, *weight, type, options.group);
  if (!quantized) return tl::make_unexpected(quantized.error());
  const std::int64_t n = weight->shape()[0], k = weight->shape()[1];
  std::vector<float> numbers(weight->size());  // [k, n]
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < k; ++j)
      numbers[static_cast<std::size_t>(j * n + i)] = static_cast<float>(
          vm::decode(weight->type(), weight->code(static_cast<std::size_t>(i * k + j))));
  const auto found = scales.find(name);
  return kernels::low_rank_correction(
      numbers, stack::dequantize(*quantized), k, n, options.rank,
      found == scales.end() ? std::span<const float>() : std::span(found->second));
}

runtime::Result<void> run(const LqerCommand& options, const Context& context) {
  const auto checkpoint = stack::Checkpoint::open(options.model.folder);
  if (!checkpoint) return tl::make_unexpected(checkpoint.error());
  const auto type = stack::parse_weight_type(options.type);
  if (!type) return tl::make_unexpected(type.error());
  if (!*type)
    return runtime::failure("BL0703", "--type none: a correction needs an error to correct",
                            "--type u3");
  const auto executor = make_executor(options.model, context);
  if (!executor) return tl::make_unexpected(executor.error());
  const auto scales = calibrate(options.model.folder, options.calibration, *checkpoint, **executor);
  if (!scales) return tl::make_unexpected(scales.error());

  std::map<std::string, runtime::HostArray> tensors;
  fmt::print("{:<44} {:>10} {:>8} {:>8} {:>8}\n", "layer", "error", "rank 8", "rank 32", "rank 64");
  for (const stack::ExpectedTensor& tensor : stack::expected_tensors(checkpoint->config())) {
    if (!tensor.linear) continue;
    const auto low = correction_of(tensor.name, *checkpoint, **executor, **type, options, *scales);
    if (!low) return tl::make_unexpected(low.error());
    fmt::print("{:<44} {:>10.4f} {:>8.3f} {:>8.3f} {:>8.3f}\n", tensor.name, low->error,
               recovered(low->singular_values, 8), recovered(low->singular_values, 32),
               recovered(low->singular_values, 64));
    if (options.out.empty()) continue;
    auto left = f16_transposed(low->a, low->k, low->rank),
         right = f16_transposed(low->b, low->rank, low->n);
    if (!left) return tl::make_unexpected(left.error());
    if (!right) return tl::make_unexpected(right.error());
    tensors.emplace(stack::part_name(tensor.name, "left"), std::move(*left));
    tensors.emplace(stack::part_name(tensor.name, "right"), std::move(*right));
  }
  if (options.out.empty()) return {};
  std::vector<runtime::NamedArray> list;
  for (const auto& [name, array] : tensors) list.push_back({name, &array});
  const nlohmann::json about = {{"version", 1},
                                {"type", options.type},
                                {"group", options.group},
                                {"rank", options.rank},
                                {"method", options.calibration.empty() ? "lqer" : "l2qer"}};
  return runtime::write_safetensors(options.out, list,
                                    {{"format", "pt"}, {"bitloom.lqer", about.dump()}});
}

}  // namespace

void add_lqer(CLI::App& app, Context& context) {
  auto options = std::make_shared<LqerCommand>();
  CLI::App* command =
      app.add_subcommand("lqer", "low-rank corrections of a checkpoint's rounding errors");
  declare_model_options(*command, options->model);
  command->add_option("-o,--output", options->out,
                      "a .safetensors file for A and B; none: only the table");
  command
      ->add_option("--type", options->type,
                   "that the layers are rounded to: u1 … u8, i1 … i8, eXmY, nf4")
      ->capture_default_str();
  command->add_option("--group", options->group, "rows that share a scale")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  command->add_option("--rank", options->rank, "of the corrections")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  command->add_option("--calibration", options->calibration,
                      "a text: inputs are weighed by their size on it (L²QER)");
  command->footer(
      "\nThe table has the Frobenius norm of each layer's error, and the part of its square that "
      "ranks give back.\n\nExample:\n  "
      "bitloom lqer tests/data/kjv-7m --type u3 --rank 32 -o corrections.safetensors");
  command->callback([options, &context] { finish(run(*options, context), context); });
}

}  // namespace bitloom::cli
