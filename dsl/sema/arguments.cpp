#include "dsl/sema/arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitloom::dsl::sema {
namespace {

void explain(Report& report, const Callee& callee) {
  if (callee.declared.known())
    report.note(callee.declared, fmt::format("{} is declared", callee.name));
  if (!callee.signature.empty()) report.hint(callee.signature);
}

}  // namespace

std::string counted(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::optional<std::vector<const Expr*>> bind_arguments(Context& c, const Callee& callee,
                                                       const Call& node, Place place) {
  const auto& parameters = callee.parameters;
  std::vector<const Expr*> bound(parameters.size(), nullptr);
  std::size_t next = 0;
  bool good = true;
  for (const Argument& argument : node.arguments) {
    std::size_t at = next;
    if (argument.name.empty()) {
      if (next++ >= parameters.size()) {
        auto report = c.error("BL0111", argument.value->place);
        report << callee.name << " takes at most " << counted(parameters.size(), "argument");
        explain(report, callee);
        return report;
      }
    } else {
      at = static_cast<std::size_t>(
          std::ranges::find(parameters, argument.name, &Callee::Parameter::name) -
          parameters.begin());
      if (at == parameters.size()) {
        std::vector<std::string_view> names;
        for (const auto& parameter : parameters) names.push_back(parameter.name);
        auto report = c.error("BL0113", argument.name_place);
        report << callee.name << " has no argument '" << argument.name << "'";
        report.suggest(argument.name, names);
        explain(report, callee);
        good = false;
        continue;
      }
    }
    if (bound[at]) {
      c.error("BL0114", argument.value->place)
          << callee.name << ": " << parameters[at].name << " is given twice";
      good = false;
    }
    bound[at] = argument.value.get();
  }
  for (std::size_t i = 0; good && i < parameters.size(); ++i) {
    if (bound[i] || parameters[i].optional) continue;
    auto report = c.error("BL0111", place);
    report << callee.name << ": the argument " << parameters[i].name << " is missing";
    explain(report, callee);
    good = false;
  }
  if (!good) return std::nullopt;
  return bound;
}

}  // namespace bitloom::dsl::sema
