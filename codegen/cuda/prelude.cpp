#include "codegen/cuda/prelude.h"

#include <fmt/format.h>

#include <cctype>
#include <stdexcept>

namespace bitloom::codegen {
namespace {

struct Row {
  std::string_view name, results, operands;
  Ordering ordering;
  std::string_view ptx;
};

constexpr Row kRows[] = {
#define WRAPPER(name, results, operands, ordering, ptx) \
  {#name, results, operands, Ordering::ordering, ptx},
#include "codegen/cuda/prelude.def"
};

std::string_view type_of(char letter) {
  switch (letter) {
    case 'l':
    case 'L':
      return "u64";
    case 'h':
      return "u16";
    case 'n':
      return "int";
    default:
      return "u32";
  }
}

bool changes(char letter) {
  return std::isupper(static_cast<unsigned char>(letter)) != 0;
}

// A list with commas.
class List {
 public:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    if (!text_.empty()) text_ += ", ";
    text_ += fmt::format(format, std::forward<Args>(args)...);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// What a kernel computes and does not use the compiler drops; it need not say so (177, 550).
constexpr std::string_view kHead = R"(#pragma nv_diag_suppress 177,550
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
#define DI static __device__ __forceinline__
)";

}  // namespace

std::string wrapper_text(const Wrapper& wrapper, bool statement) {
  List templates, parameters, names, outputs, inputs, casts;
  const bool returns = wrapper.results.size() == 1 && !statement;
  for (std::size_t i = 0; i < wrapper.results.size(); ++i) {
    const std::string name = wrapper.results.size() == 1 ? "d" : fmt::format("d{}", i);
    if (!returns) parameters.add("{}& {}", type_of(wrapper.results[i]), name);
    names.add("{}", name);
    outputs.add("\"={}\"({})", wrapper.results[i], name);
  }
  std::size_t number = 0;
  for (char letter : wrapper.operands) {
    const std::string name = fmt::format("{}{}", letter == 'n' ? 'N' : 'x', number++);
    if (letter == 'n') {
      templates.add("int {}", name);
      names.add("{}", name);
      inputs.add("\"n\"({})", name);
      casts.add("\"n\"({})", name);
    } else if (changes(letter)) {
      parameters.add("{}& {}", type_of(letter), name);
      names.add("{}", name);
      outputs.add("\"+{}\"({})", static_cast<char>(std::tolower(letter)), name);
    } else {
      parameters.add("{} {}", type_of(letter), name);
      names.add("{}", name);
      inputs.add("\"{}\"({})", letter, name);
      casts.add("\"{}\"(({})({}))", letter, type_of(letter), name);
    }
  }
  const auto instruction = [&](const List& operands) {
    return fmt::format("asm{}(\"{}\" : {} : {}{})",
                       wrapper.ordering == Ordering::Pure ? "" : " volatile", wrapper.ptx,
                       outputs.text(), operands.text(),
                       wrapper.ordering == Ordering::Memory ? " : \"memory\"" : "");
  };
  // NVRTC's time grows with the square of a function's calls; statements cost it next to nothing.
  if (statement || (!returns && templates.text().empty())) {
    return fmt::format("#define {}{}({}) {}\n", wrapper.name, statement ? "_to" : "", names.text(),
                       instruction(casts));
  }
  std::string text =
      templates.text().empty() ? "" : fmt::format("template <{}> ", templates.text());
  const std::string_view result = returns ? type_of(wrapper.results[0]) : "void";
  text += fmt::format("DI {} {}({}) {{ ", result, wrapper.name, parameters.text());
  if (returns) text += fmt::format("{} d; ", result);
  text += instruction(inputs) + "; ";
  if (returns) text += "return d; ";
  return text + "}\n";
}

namespace {

const Row& row_of(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row;
  }
  throw std::logic_error(fmt::format("the prelude has no wrapper '{}'", name));
}

Wrapper wrapper_of(const Row& row) {
  return {std::string(row.name), std::string(row.results), std::string(row.operands), row.ordering,
          std::string(row.ptx)};
}

}  // namespace

std::string Prelude::use(std::string_view name) {
  return use(wrapper_of(row_of(name)));
}

std::optional<Prelude::Statement> Prelude::use_statement(std::string_view name) {
  const Row& row = row_of(name);
  if (row.ordering != Ordering::Pure || row.results.size() != 1) return std::nullopt;
  Statement statement{fmt::format("{}_to", name), type_of(row.results[0])};
  std::string& text = wrappers_[statement.name];
  if (text.empty()) text = wrapper_text(wrapper_of(row), true);
  return statement;
}

std::string Prelude::use(const Wrapper& wrapper) {
  std::string& text = wrappers_[wrapper.name];
  if (text.empty()) text = wrapper_text(wrapper);
  return wrapper.name;
}

namespace {

std::string_view space_name(AccessKind::Space space) {
  switch (space) {
    case AccessKind::Space::Global:
      return "global";
    case AccessKind::Space::Shared:
      return "shared";
    case AccessKind::Space::Cluster:
      return "shared::cluster";
  }
  return "";
}

// The modifiers of a cache policy, and its part of the wrapper's name.
std::string cache_modifier(const std::string& cache, bool load) {
  if (cache == "nc") return ".nc";
  if (cache == "evict_first") return ".L1::evict_first";
  if (cache == "evict_last") return ".L1::evict_last";
  if (cache == "no_allocate") return load ? ".nc.L1::no_allocate.L2::256B" : ".L1::no_allocate";
  return "";
}

std::string access_name(std::string_view what, const AccessKind& kind) {
  std::string name = fmt::format(
      "{}_{}_{}", what,
      kind.space == AccessKind::Space::Cluster ? "cluster" : space_name(kind.space), kind.bytes);
  if (!kind.cache.empty() && kind.cache != "default") name += "_" + kind.cache;
  if (kind.predicated) name += "_if";
  return name;
}

// ".u8", ".u16", ".b32", ".v2.b32", ".v4.b32"
std::string_view width_modifier(int bytes) {
  switch (bytes) {
    case 1:
      return ".u8";
    case 2:
      return ".u16";
    case 8:
      return ".v2.b32";
    case 16:
      return ".v4.b32";
    default:
      return ".b32";
  }
}

std::string placeholders(std::string_view prefix, int count, int first = 0) {
  List list;
  for (int i = 0; i < count; ++i) list.add("{}{}", prefix, first + i);
  return count == 1 ? list.text() : "{" + list.text() + "}";
}

}  // namespace

std::string Prelude::load(const AccessKind& kind) {
  const int words = kind.bytes > 4 ? kind.bytes / 4 : 1;
  const bool global = kind.space == AccessKind::Space::Global;
  Wrapper wrapper{access_name("ld", kind),
                  std::string(static_cast<std::size_t>(words), 'r'),
                  global ? "l" : "r",
                  Ordering::Volatile,
                  {}};
  const std::string instruction =
      fmt::format("ld.{}{}{} ", space_name(kind.space),
                  global ? cache_modifier(kind.cache, true) : "", width_modifier(kind.bytes));
  if (!kind.predicated) {
    wrapper.ptx = fmt::format("{}{}, [%{}];", instruction, placeholders("%", words), words);
    return use(wrapper);
  }
  // Results are written last: they may share a register with the address.
  wrapper.operands += "r";
  wrapper.ptx =
      fmt::format("{{.reg .pred p; .reg .b32 t<{}>; setp.ne.u32 p, %{}, 0;", words, words + 1);
  for (int i = 0; i < words; ++i) wrapper.ptx += fmt::format(" mov.b32 t{}, 0;", i);
  wrapper.ptx += fmt::format(" @p {}{}, [%{}];", instruction, placeholders("t", words), words);
  for (int i = 0; i < words; ++i) wrapper.ptx += fmt::format(" mov.b32 %{}, t{};", i, i);
  wrapper.ptx += "}";
  return use(wrapper);
}

std::string Prelude::store(const AccessKind& kind) {
  const int words = kind.bytes > 4 ? kind.bytes / 4 : 1;
  const bool global = kind.space == AccessKind::Space::Global;
  Wrapper wrapper{
      access_name("st", kind),
      "",
      std::string(global ? "l" : "r") + std::string(static_cast<std::size_t>(words), 'r'),
      Ordering::Memory,
      {}};
  const std::string instruction =
      fmt::format("st.{}{}{} [%0], {};", space_name(kind.space),
                  global ? cache_modifier(kind.cache, false) : "", width_modifier(kind.bytes),
                  placeholders("%", words, 1));
  wrapper.ptx = instruction;
  if (kind.predicated) {
    wrapper.operands += "r";
    wrapper.ptx =
        fmt::format("{{.reg .pred p; setp.ne.u32 p, %{}, 0; @p {}}}", words + 1, instruction);
  }
  return use(wrapper);
}

std::string Prelude::touch(std::size_t words) {
  return use({fmt::format("touch_{}", words), "", std::string(words, 'R'), Ordering::Memory, {}});
}

void Prelude::add_function(const std::string& name, std::string text, const std::string& key) {
  if (!function_names_.try_emplace(key.empty() ? name : key, name).second) return;
  functions_.push_back(std::move(text));
}

std::optional<std::string> Prelude::function_of(const std::string& key) const {
  const auto found = function_names_.find(key);
  if (found == function_names_.end()) return std::nullopt;
  return found->second;
}

std::string Prelude::text() const {
  std::string text(kHead);
  for (const auto& [name, wrapper] : wrappers_) text += wrapper;
  for (const std::string& function : functions_) text += function;
  return text;
}

}  // namespace bitloom::codegen
