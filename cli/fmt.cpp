// bitloom fmt [--check] FILE…: puts kernel files into the one form; keeps comments; writes a file
// whole or not at all.
#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "dsl/format.h"
#include "dsl/parser.h"
#include "runtime/host/file.h"

namespace bitloom::cli {
namespace {

struct FormatOptions {
  std::vector<std::string> files;
  bool check = false;
};

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
  } else {
    const std::span<const std::byte> pieces[] = {runtime::bytes_of(text)};
    if (const auto written = runtime::write_file(path, pieces); !written)
      diagnostics.error(written.error().code, {}, written.error().message);
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
