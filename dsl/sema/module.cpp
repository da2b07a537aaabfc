#include "dsl/sema/module.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>
#include <utility>

#include "dsl/parser.h"
#include "vm/suggest.h"

namespace bitloom::dsl::sema {
namespace {

namespace fs = std::filesystem;

std::string stem(const std::string& path) {
  return fs::path(path).stem().string();
}

std::string default_alias(const ImportDecl& decl) {
  if (!decl.alias.empty()) return decl.alias;
  if (decl.quoted) return stem(decl.path);
  return decl.path.substr(decl.path.rfind('.') + 1);
}

// "a.b" -> "a/b.bl"
std::string path_of(std::string_view dotted) {
  std::string path(dotted);
  for (char& c : path)
    if (c == '.') c = '/';
  return path + ".bl";
}

std::vector<std::string> modules_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".bl") names.push_back(entry.path().stem().string());
  return names;
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

}  // namespace

vm::Span span_of(const SourceManager& sources, const Module& module, Place place) {
  return sources.span(module.file.id, place.begin, place.end);
}

std::string_view declared_name(const Decl& decl) {
  if (const auto* constant = std::get_if<ConstDecl>(&decl.node)) return constant->name;
  if (const auto* function = std::get_if<FunctionDecl>(&decl.node)) return function->name;
  if (const auto* kernel = std::get_if<KernelDecl>(&decl.node)) return kernel->name;
  return {};
}

Place declared_place(const Decl& decl) {
  if (const auto* constant = std::get_if<ConstDecl>(&decl.node)) return constant->name_place;
  if (const auto* function = std::get_if<FunctionDecl>(&decl.node)) return function->name_place;
  if (const auto* kernel = std::get_if<KernelDecl>(&decl.node)) return kernel->name_place;
  return std::get<ImportDecl>(decl.node).path_place;
}

const Module* Modules::load(const std::string& path, vm::Diagnostics& diagnostics) {
  const auto file = sources_.load(path);
  if (!file) {
    diagnostics.error(file.error().code, file.error().span, file.error().message).hints =
        file.error().hints;
    return nullptr;
  }
  return parse_file(*file, stem(path), diagnostics);
}

const Module* Modules::load_text(const std::string& name, std::string text,
                                 vm::Diagnostics& diagnostics) {
  const auto file = sources_.add_checked(name, std::move(text));
  if (!file) {
    diagnostics.error(file.error().code, file.error().span, file.error().message).hints =
        file.error().hints;
    return nullptr;
  }
  return parse_file(*file, stem(name), diagnostics);
}

const Module* Modules::parse_file(FileId file, std::string name, vm::Diagnostics& diagnostics) {
  if (const auto known = modules_.find(file); known != modules_.end()) return known->second.get();
  auto parsed = parse(sources_, file, diagnostics);
  if (!parsed) return nullptr;
  auto& module = modules_[file] = std::make_unique<Module>();
  module->name = std::move(name);
  module->file = std::move(*parsed);
  module->file.id = file;
  declare(*module, diagnostics);
  return module.get();
}

void Modules::declare(Module& module, vm::Diagnostics& diagnostics) {
  std::map<std::string, vm::Span, std::less<>> declared;
  const auto is_new = [&](std::string_view name, vm::Span span) {
    const auto [known, inserted] = declared.try_emplace(std::string(name), span);
    if (inserted) return true;
    diagnostics.error("BL0110", span) << "'" << name << "' is defined twice in this file";
    diagnostics.last().note(known->second, "the first definition stands");
    return false;
  };
  for (const Decl& decl : module.file.declarations) {
    const vm::Span span = span_of(sources_, module, declared_place(decl));
    if (const auto* imported = std::get_if<ImportDecl>(&decl.node)) {
      if (is_new(default_alias(*imported), span)) import(module, *imported, diagnostics);
    } else if (is_new(declared_name(decl), span)) {
      module.declarations.emplace(declared_name(decl), &decl);
    }
  }
}

void Modules::import(Module& module, const ImportDecl& decl, vm::Diagnostics& diagnostics) {
  loading_.push_back({module.file.id, span_of(sources_, module, decl.path_place)});
  if (const Module* found = find(module, decl, diagnostics))
    module.imports.emplace(default_alias(decl), found);
  loading_.pop_back();
}

const Module* Modules::find(const Module& from, const ImportDecl& decl,
                            vm::Diagnostics& diagnostics) {
  const fs::path beside = fs::path(sources_.path(from.file.id)).parent_path();
  const bool standard = !decl.quoted && decl.path.starts_with("std.");
  const fs::path path = decl.quoted ? (beside / decl.path).lexically_normal()
                        : standard  ? fs::path(stdlib_) / path_of(decl.path.substr(4))
                                    : beside / path_of(decl.path);
  const vm::Span span = span_of(sources_, from, decl.path_place);
  if (!is_file(path) && !sources_.find(path.string())) {
    diagnostics.error("BL0115", span) << "there is no module '" << decl.path << "'";
    vm::Diagnostic& error = diagnostics.last();
    if (!standard) return error.note({}, fmt::format("looked for {}", path.string())), nullptr;
    const auto names = modules_in(stdlib_);
    if (const auto near = vm::did_you_mean(decl.path.substr(4), names))
      error.hint(fmt::format("did you mean 'std.{}'?", *near));
    return nullptr;
  }
  const auto file = sources_.load(path.string());
  if (!file) {
    diagnostics.error(file.error().code, span, file.error().message).hints = file.error().hints;
    return nullptr;
  }
  if (is_circle(*file, span, diagnostics)) return nullptr;
  return parse_file(*file, decl.quoted ? stem(decl.path) : decl.path, diagnostics);
}

bool Modules::is_circle(FileId file, vm::Span at, vm::Diagnostics& diagnostics) {
  std::size_t begin = 0;
  while (begin < loading_.size() && loading_[begin].file != file) ++begin;
  if (begin == loading_.size()) return false;
  diagnostics.error("BL0116", at) << "importing " << sources_.path(file) << " here closes a circle";
  for (; begin + 1 < loading_.size(); ++begin)
    diagnostics.last().note(loading_[begin].import,
                            fmt::format("{} imports {}", sources_.path(loading_[begin].file),
                                        sources_.path(loading_[begin + 1].file)));
  return true;
}

}  // namespace bitloom::dsl::sema
