// bitloom layout 'EXPR': draws a register layout as a table, or as a picture.
#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "layouts/draw.h"
#include "runtime/host/file.h"

namespace bitloom::cli {
namespace {

struct LayoutOptions {
  std::string expression, svg;
};

int layout(const LayoutOptions& options, const Context& context) {
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  const auto parsed = layouts::parse_register_layout(options.expression);
  if (!parsed) {
    const auto text = sources.add_checked("layout", options.expression);
    const vm::Span place =
        text ? sources.span(*text, parsed.error().offset, parsed.error().offset + 1) : vm::Span{};
    diagnostics.error("BL0709", place, parsed.error().message);
    return report(diagnostics, sources, context);
  }
  if (options.svg.empty()) {
    fmt::print("{}\n{} threads, {} registers each, shape {}\n\n{}", parsed->to_string(),
               parsed->threads(), parsed->registers(), layouts::to_string(parsed->shape()),
               layouts::draw_text(*parsed));
  } else {
    const std::string picture = layouts::draw_svg(*parsed);
    const std::span<const std::byte> pieces[] = {runtime::bytes_of(picture)};
    if (const auto written = runtime::write_file(options.svg, pieces); !written)
      diagnostics.error(written.error().code, {}, written.error().message);
  }
  return report(diagnostics, sources, context);
}

}  // namespace

void add_layout(CLI::App& app, Context& context) {
  auto options = std::make_shared<LayoutOptions>();
  CLI::App* command =
      app.add_subcommand("layout", "draws a register layout: which thread holds which element");
  command
      ->add_option("EXPR", options->expression,
                   "such as 'spatial(8, 4) * local(1, 2)' or mma.a.m16n8k16")
      ->required();
  command->add_option("--svg", options->svg, "write a picture to this file instead");
  command->footer(
      "\nExample:\n  bitloom layout 'local(2, 1) * spatial(8, 4) * local(1, 2)' --svg c.svg");
  command->callback([options, &context] { context.exit_code = layout(*options, context); });
}

}  // namespace bitloom::cli
