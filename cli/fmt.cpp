// bitloom fmt [--check] FILE…: puts kernel files into the one form; keeps comments; writes a file
// whole or not at all.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "cli/command.h"
#include "dsl/format.h"
#include "dsl/parser.h"

namespace bitloom::cli {
namespace {

struct FormatOptions {
  std::vector<std::string> files;
  bool check = false;
};

bool replace_file(const std::string& path, const std::string& text) {
  namespace fs = std::filesystem;
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  std::error_code error;
  {
    std::ofstream out(temporary, std::ios::binary);
    out << text;
    out.flush();
    if (!out) {
      fs::remove(temporary, error);
      return false;
    }
  }
  fs::permissions(temporary, fs::status(path, error).permissions(), error);
  fs::rename(temporary, path, error);
  if (!error) return true;
  std::error_code ignored;
  fs::remove(temporary, ignored);
  return false;
}

void format_file(const std::string& path, bool check, dsl::SourceManager& sources,
                 vm::Diagnostics& diagnostics) {
  const auto id = sources.load(path);
  if (!id) {
    diagnostics.error(id.error().code, id.error().span, id.error().message);
    for (const std::string& hint : id.error().hints) diagnostics.last().hint(hint);
    return;
  }
  const std::size_t before = diagnostics.error_count();
  const std::optional<dsl::File> file = dsl::parse(sources, *id, diagnostics);
  if (!file || diagnostics.error_count() != before) return;
  const std::string text = dsl::format(sources, *file);
  if (text == sources.text(*id)) return;
  if (check) {
    diagnostics.error("BL0708", sources.span(*id, 0, 0), fmt::format("'{}' is not formatted", path))
        .hint(fmt::format("bitloom fmt {}", path));
  } else if (!replace_file(path, text)) {
    diagnostics.error("BL0607", {}, fmt::format("'{}' could not be written", path));
  }
}

}  // namespace

void add_fmt(CLI::App& app, Context& context) {
  auto options = std::make_shared<FormatOptions>();
  CLI::App* command = app.add_subcommand("fmt", "formats kernel files in place");
  command->add_option("FILE", options->files, "kernel files (.bl)")->required();
  command->add_flag("--check", options->check, "change nothing; fail when a file would change");
  command->add_flag("--json", context.json, "diagnostics as JSON");
  command->footer("\nExample:\n  bitloom fmt --check kernels/gemm/gemm.bl");
  command->callback([options, &context] {
    dsl::SourceManager sources;
    vm::Diagnostics diagnostics;
    for (const std::string& file : options->files)
      format_file(file, options->check, sources, diagnostics);
    context.exit_code = report(diagnostics, sources, context);
  });
}

}  // namespace bitloom::cli
