// bitloom cache stats|clear|verify: the folder of compiled kernels.
#include "runtime/cache/cache.h"

#include <fmt/format.h>

#include <memory>

#include "cli/command.h"

namespace bitloom::cli {
namespace {

using runtime::Cache;

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

void stats(const Cache& cache) {
  const Cache::Stats stats = cache.stats();
  fmt::print("folder   {}\nentries  {}\nsize     {} of {}\n", cache.folder(), stats.entries,
             megabytes(stats.bytes), megabytes(cache.limit()));
}

void verify(Cache& cache, bool remove, vm::Diagnostics& diagnostics) {
  const Cache::Verification result = cache.verify();
  fmt::print("{} good, {} damaged\n", result.good, result.damaged.size());
  for (const std::string& path : result.damaged) {
    fmt::print("  {}{}\n", path, remove ? " (removed)" : "");
    if (remove) cache.remove(path);
  }
  if (!result.damaged.empty() && !remove)
    diagnostics.error("BL0620", {}, "the cache has damaged entries")
        .hint("bitloom cache verify --remove");
}

// Runs f on the cache that the environment names.
template <class F>
std::function<void()> on_cache(Context& context, F f) {
  return [&context, f] {
    dsl::SourceManager sources;
    vm::Diagnostics diagnostics;
    Cache cache(Cache::defaults(diagnostics));
    if (cache.folder().empty())
      diagnostics.error("BL0621", {}, "there is no folder for a cache: HOME is not set")
          .hint("BITLOOM_CACHE_DIR=FOLDER");
    else
      f(cache, diagnostics);
    context.exit_code = report(diagnostics, sources, context);
  };
}

}  // namespace

void add_cache(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("cache", "the folder of compiled kernels");
  command->require_subcommand(1);
  command->footer("\nExample:\n  bitloom cache stats");
  command->add_subcommand("stats", "where it is, how many entries it has, and how large they are")
      ->callback(on_cache(context, [](Cache& cache, vm::Diagnostics&) { stats(cache); }));
  command->add_subcommand("clear", "removes every entry")
      ->callback(on_cache(context, [](Cache& cache, vm::Diagnostics&) {
        fmt::print("{} entries removed\n", cache.clear());
      }));
  auto remove = std::make_shared<bool>(false);
  CLI::App* verify_command = command->add_subcommand("verify", "reads every entry, whole");
  verify_command->add_flag("--remove", *remove, "remove those that are damaged");
  verify_command->callback(on_cache(context, [remove](Cache& cache, vm::Diagnostics& diagnostics) {
    verify(cache, *remove, diagnostics);
  }));
}

}  // namespace bitloom::cli
