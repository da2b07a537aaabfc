// A whole checkpoint: every layer by its rule, corrections on all cores, one folder written.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include "kernels/lqer/low_rank.h"
#include "stack/quantize/quantize.h"

namespace bitloom::stack {

namespace fs = std::filesystem;
using runtime::failure;
using runtime::HostArray;
using runtime::Result;

Result<InputScales> input_scales(Model& model, std::span<const TokenId> ids, std::int64_t sample,
                                 std::int64_t samples) {
  std::map<std::string, kernels::ActivationScale> sizes;
  model.set_tap([&](const std::string& weight, const Array& input) -> Result<void> {
    const auto rows = model.executor().read(input);
    if (!rows) return tl::make_unexpected(rows.error());
    if (rows->type() != vm::kF32)
      return failure("BL0901", "internal error: inputs are looked at in f32");
    sizes.try_emplace(weight, input.shape[1]).first->second.add(rows->as<float>());
    return {};
  });
  auto cache = KvCache::create(model.executor(), model.config(), model.element(), sample);
  Result<void> done;
  if (!cache) done = tl::make_unexpected(cache.error());
  for (std::int64_t i = 0; done && i < samples; ++i) {
    const auto begin = static_cast<std::size_t>(i * sample);
    if (begin >= ids.size()) break;
    const std::size_t m = std::min(static_cast<std::size_t>(sample), ids.size() - begin);
    cache->clear();
    const auto hidden = model.forward(ids.subspan(begin, m), *cache);
    if (!hidden) done = tl::make_unexpected(hidden.error());
  }
  model.set_tap({});
  if (!done) return tl::make_unexpected(done.error());
  InputScales scales;
  for (const auto& [weight, size] : sizes) scales.emplace(weight, size.values());
  return scales;
}

namespace {

// A folder under another name until it is whole; gone if it never is.
class PendingFolder {
 public:
  explicit PendingFolder(std::string final_path)
      : final_(std::move(final_path)), path_(fmt::format("{}.{}.partial", final_, getpid())) {}
  ~PendingFolder() {
    std::error_code ignored;
    if (!done_) fs::remove_all(path_, ignored);
  }
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;

  const std::string& path() const { return path_; }
  Result<void> create() {
    std::error_code error;
    if (fs::exists(fs::symlink_status(final_, error)))
      return failure("BL0641", fmt::format("'{}' exists already", final_),
                     "remove it, or name another folder with -o");
    if (!fs::create_directories(path_, error) || error)
      return failure("BL0607",
                     fmt::format("cannot make the folder '{}': {}", path_, error.message()));
    return {};
  }
  Result<void> publish() {
    std::error_code error;
    fs::rename(path_, final_, error);
    if (error)
      return failure("BL0607",
                     fmt::format("cannot name the folder '{}': {}", final_, error.message()));
    done_ = true;
    return {};
  }

 private:
  std::string final_, path_;
  bool done_ = false;
};

Result<void> copy_other_files(const std::string& from, const std::string& to) {
  for (const char* name :
       {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}) {
    std::error_code error;
    const fs::path source = fs::path(from) / name;
    if (!fs::exists(source, error)) continue;
    fs::copy_file(source, fs::path(to) / name, error);
    if (error)
      return failure("BL0607",
                     fmt::format("cannot copy '{}': {}", source.string(), error.message()));
  }
  return {};
}

struct Job {
  std::string name;
  HostArray weight;  // [n, k]
  QuantizeRule rule;
  QuantizedWeight quantized;
};

// Corrections take most of the time, and have nothing to do with each other.
Result<void> correct_all(std::vector<Job>& jobs, const InputScales& scales) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<vm::Diagnostic> error;
  const auto work = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      Job& job = jobs[i];
      if (job.rule.rank == 0) continue;
      const auto found = scales.find(job.name);
      const auto done =
          correct(job.quantized, job.weight, job.rule.rank,
                  found == scales.end() ? std::span<const float>() : std::span(found->second));
      if (done) continue;
      const std::lock_guard lock(mutex);
      if (!error) error = done.error();
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back(work);
  threads.clear();
  if (error) return tl::make_unexpected(std::move(*error));
  return {};
}

}  // namespace

Result<QuantizeResult> quantize_checkpoint(Executor& executor, const Checkpoint& checkpoint,
                                           const std::string& out, const QuantizeOptions& options) {
  PendingFolder folder(out);
  if (auto done = folder.create(); !done) return tl::make_unexpected(done.error());
  std::map<std::string, HostArray> tensors;
  std::vector<Job> jobs;
  const auto expected = expected_tensors(checkpoint.config());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const ExpectedTensor& tensor = expected[i];
    if (checkpoint.quantized(tensor.name))
      return failure("BL0638",
                     fmt::format("{}: '{}' is quantised already", checkpoint.folder(), tensor.name),
                     "quantise the checkpoint that it was made from");
    auto weight = checkpoint.read(tensor.name);
    if (!weight) return tl::make_unexpected(weight.error());
    const QuantizeRule rule = options.policy.rule_for(tensor.name);
    if (!tensor.linear || !rule.type) {
      tensors.emplace(tensor.name, std::move(*weight));
      continue;
    }
    if (options.progress)
      options.progress(static_cast<std::int64_t>(i), static_cast<std::int64_t>(expected.size()),
                       tensor.name);
    auto quantized = quantize_weight(executor, tensor.name, *weight, *rule.type, rule.group);
    if (!quantized) return tl::make_unexpected(quantized.error());
    jobs.push_back({tensor.name, std::move(*weight), rule, std::move(*quantized)});
  }
  if (auto done = correct_all(jobs, options.scales); !done)
    return tl::make_unexpected(done.error());

  QuantizeResult result;
  QuantizedTensors infos;
  for (Job& job : jobs) {
    result.weights += job.weight.size();
    infos.emplace(job.name, job.quantized.info);
    for (auto& [part, array] : job.quantized.parts) {
      result.bits += array.bytes().size() * 8;
      tensors.emplace(part_name(job.name, part), std::move(array));
    }
  }
  std::vector<runtime::NamedArray> list;
  for (const auto& [name, array] : tensors) list.push_back({name, &array});
  runtime::Metadata metadata = {{"format", "pt"}};
  metadata[kQuantizationKey] = print_quantization(infos);
  if (auto done = runtime::write_safetensors(folder.path() + "/model.safetensors", list, metadata);
      !done)
    return tl::make_unexpected(done.error());
  if (auto done = copy_other_files(checkpoint.folder(), folder.path()); !done)
    return tl::make_unexpected(done.error());
  if (auto done = folder.publish(); !done) return tl::make_unexpected(done.error());
  if (options.progress)
    options.progress(static_cast<std::int64_t>(expected.size()),
                     static_cast<std::int64_t>(expected.size()), "");
  return result;
}

}  // namespace bitloom::stack
