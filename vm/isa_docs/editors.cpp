// Syntax files for editors, from the words of the language and the instruction table.
#include <fmt/format.h>

#include <vector>

#include "vm/isa.h"
#include "vm/isa_docs.h"

namespace bitloom::vm {
namespace {

constexpr std::string_view kReserved[] = {
    "assert", "barrier", "break",    "const",  "continue", "else",   "false",  "fn",
    "for",    "global",  "if",       "import", "in",       "inf",    "kernel", "let",
    "nan",    "packed",  "pipeline", "print",  "ref",      "return", "roles",  "shared",
    "true",   "var",     "warps",    "where",  "while"};

constexpr std::string_view kContextual[] = {
    "as",     "bool", "cluster",    "count",    "explicit", "grid",      "int",
    "layout", "load", "min_blocks", "optional", "pad",      "registers", "resident",
    "role",   "step", "swizzle",    "threads",  "type",     "unroll"};

constexpr std::string_view kConstants[] = {"false", "inf", "nan", "true"};

constexpr std::string_view kFunctions[] = {"abs",
                                           "all",
                                           "any",
                                           "argmax",
                                           "argmin",
                                           "arrive",
                                           "assume",
                                           "atomic_add",
                                           "atomic_and",
                                           "atomic_max",
                                           "atomic_min",
                                           "atomic_or",
                                           "atomic_xor",
                                           "bits",
                                           "block",
                                           "broadcast",
                                           "bytes",
                                           "cast",
                                           "ceil",
                                           "ceildiv",
                                           "clip",
                                           "cluster_sync",
                                           "clz",
                                           "column_local",
                                           "column_spatial",
                                           "compact",
                                           "concat",
                                           "convert",
                                           "copy_async",
                                           "copy_bulk",
                                           "copy_commit",
                                           "copy_tensor",
                                           "copy_wait",
                                           "cos_approx",
                                           "dot",
                                           "dot_async",
                                           "dot_commit",
                                           "dot_wait",
                                           "dp4a",
                                           "exp2_approx",
                                           "exp_approx",
                                           "expand",
                                           "expect",
                                           "extent",
                                           "fence",
                                           "fetch_add",
                                           "fetch_and",
                                           "fetch_exchange",
                                           "fetch_max",
                                           "fetch_min",
                                           "fetch_or",
                                           "fetch_xor",
                                           "floor",
                                           "fma",
                                           "full",
                                           "gather",
                                           "grid_launch",
                                           "grid_wait",
                                           "has",
                                           "inside",
                                           "iota",
                                           "is_float",
                                           "is_integer",
                                           "is_signed",
                                           "load",
                                           "load_acquire",
                                           "local",
                                           "log2",
                                           "log2_approx",
                                           "log_approx",
                                           "lop3",
                                           "map_shared",
                                           "max",
                                           "max_value",
                                           "min",
                                           "min_value",
                                           "mul_high",
                                           "named_arrive",
                                           "named_sync",
                                           "permute",
                                           "popcount",
                                           "prefetch",
                                           "prmt",
                                           "prod",
                                           "rcp_approx",
                                           "repeat",
                                           "replicated",
                                           "reshape",
                                           "rotl",
                                           "round",
                                           "rsqrt_approx",
                                           "scan",
                                           "scatter",
                                           "schedule_fence",
                                           "select",
                                           "sin_approx",
                                           "sparse_dot",
                                           "spatial",
                                           "sqrt",
                                           "store",
                                           "store_bulk",
                                           "store_commit",
                                           "store_release",
                                           "store_tensor",
                                           "store_wait",
                                           "sum",
                                           "sync",
                                           "sync_warp",
                                           "tanh_approx",
                                           "target",
                                           "top_k",
                                           "transpose",
                                           "trunc",
                                           "view",
                                           "wait",
                                           "zeros"};

// Element types, as a regular expression that both editors understand.
constexpr std::string_view kTypes[] = {"[ui][1-8]", "[ui]16",       "[ui]32", "[ui]64",
                                       "f16",       "bf16",         "tf32",   "f32",
                                       "f64",       "e[1-5]m[0-6]", "e8m0",   "codebook"};

std::string one_of(std::span<const std::string_view> words) {
  return fmt::format("{}", fmt::join(words, "|"));
}

std::string mnemonics() {
  std::vector<std::string_view> names;
  for (const InstructionInfo& row : all_instructions()) names.push_back(row.mnemonic);
  return one_of(names);
}

struct Rule {
  std::string_view scope;
  std::string match;  // JSON text: backslashes are doubled
};

std::string grammar(std::string_view name, std::string_view scope, std::string_view extension,
                    const std::vector<Rule>& rules) {
  std::string text = fmt::format(R"({{
  "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
  "name": "{}",
  "scopeName": "{}",
  "fileTypes": ["{}"],
  "patterns": [
)",
                                 name, scope, extension);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    text += fmt::format("    {{ \"name\": \"{}\", \"match\": \"{}\" }}{}\n", rules[i].scope,
                        rules[i].match, i + 1 < rules.size() ? "," : "");
  }
  return text + "  ]\n}\n";
}

std::string whole_words(std::string_view alternatives) {
  return fmt::format("\\\\b({})\\\\b", alternatives);
}

constexpr std::string_view kNumber =
    R"(\\b(0x[0-9A-Fa-f_]+|0b[01_]+|[0-9][0-9_]*(\\.[0-9]+)?([eE][-+]?[0-9]+)?)\\b)";
constexpr std::string_view kString = R"(\"(\\\\.|[^\"\\\\])*\")";

}  // namespace

const LanguageWords& language_words() {
  static const LanguageWords words = {kReserved, kContextual, kConstants, kFunctions};
  return words;
}

std::string textmate_grammar() {
  return grammar(
      "Bitloom", "source.bitloom", "bl",
      {{"comment.line.documentation.bitloom", "///.*$"},
       {"comment.line.double-slash.bitloom", "//.*$"},
       {"string.quoted.double.bitloom", std::string(kString)},
       {"storage.type.bitloom", whole_words(one_of(kTypes))},
       {"constant.language.bitloom", whole_words(one_of(kConstants))},
       {"keyword.control.bitloom", whole_words(one_of(kReserved))},
       {"support.function.bitloom",
        fmt::format("{}(?=\\\\s*[(<])", whole_words(one_of(kFunctions)))},
       {"storage.modifier.bitloom", whole_words(one_of(kContextual))},
       {"constant.numeric.bitloom", std::string(kNumber)},
       {"keyword.operator.bitloom", "<-|->|\\\\+:|\\\\.\\\\.|&&|\\\\|\\\\||[-+*/%&|^!~<>=]=?"}});
}

std::string textmate_ir_grammar() {
  return grammar("Bitloom IR", "source.bitloom-ir", "blir",
                 {{"comment.line.double-slash.bitloom-ir", "//.*$"},
                  {"string.quoted.double.bitloom-ir", std::string(kString)},
                  {"variable.other.bitloom-ir", "%[A-Za-z0-9_]+(\\\\.[0-9]+)?"},
                  {"storage.type.bitloom-ir", whole_words(one_of(kTypes))},
                  {"constant.language.bitloom-ir", whole_words("true|false|inf|nan|none")},
                  {"storage.modifier.bitloom-ir",
                   whole_words("kernel|global|shared|view|packed|atom|placed|mbarrier|variable|in|"
                               "where|else|optional|absent")},
                  {"keyword.control.bitloom-ir", whole_words(mnemonics())},
                  {"constant.numeric.bitloom-ir", std::string(kNumber)}});
}

std::string vim_syntax() {
  const auto keywords = [](std::string_view group, std::span<const std::string_view> words) {
    return fmt::format("syntax keyword {} {}\n", group, fmt::join(words, " "));
  };
  std::string text = R"(" Vim syntax of Bitloom (.bl). Generated from vm/isa_docs: change it there.
if exists("b:current_syntax")
  finish
endif

)";
  text += keywords("blFunction", kFunctions);
  text += keywords("blModifier", kContextual);
  text += keywords("blKeyword", kReserved);
  text += keywords("blConstant", kConstants);
  text += fmt::format("syntax match blType /\\v<({})>/\n", one_of(kTypes));
  text += R"(syntax match blNumber /\v<(0x[0-9A-Fa-f_]+|0b[01_]+|\d[0-9_]*(\.\d+)?([eE][-+]?\d+)?)>/
syntax region blString start=/"/ skip=/\\./ end=/"/ oneline
syntax match blComment /\/\/.*$/
syntax match blOperator /<-\|->\|+:\|\.\./

highlight default link blKeyword Keyword
highlight default link blModifier StorageClass
highlight default link blFunction Function
highlight default link blType Type
highlight default link blConstant Constant
highlight default link blNumber Number
highlight default link blString String
highlight default link blComment Comment
highlight default link blOperator Operator

let b:current_syntax = "bitloom"
)";
  return text;
}

}  // namespace bitloom::vm
