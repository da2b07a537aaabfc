// The grammar reads what docs/language.md shows, the kernels and the library, and builds the trees
// it should.
#include "dsl/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "dsl/render.h"
#include "dsl/scan.h"
#include "tests/dsl/tree_text.h"
#include "tests/support/places.h"

namespace bitloom::dsl {
namespace {

struct Parsed {
  std::optional<File> file;
  std::string errors;
};

Parsed parse_text(std::string text) {
  SourceManager sources;
  const FileId id = sources.add("test.bl", std::move(text));
  vm::Diagnostics diagnostics;
  Parsed result;
  result.file = parse(sources, id, diagnostics);
  result.errors = render(diagnostics, sources);
  return result;
}

std::string tree_of(const std::string& text) {
  const Parsed parsed = parse_text(text);
  EXPECT_EQ(parsed.errors, "");
  return parsed.file ? tree_text(*parsed.file) : "";
}

std::string statement(const std::string& text) {
  const Parsed parsed = parse_text(fmt::format("fn f() {{\n{}\n}}\n", text));
  EXPECT_EQ(parsed.errors, "") << text;
  if (!parsed.file || parsed.file->declarations.empty()) return "";
  const auto& body = std::get<FunctionDecl>(parsed.file->declarations[0].node).body;
  std::string result;
  for (const StmtPtr& stmt : body.statements)
    result += fmt::format("{}{}", result.empty() ? "" : " ", tree_text(*stmt));
  return result;
}

std::string expression(const std::string& text) {
  const std::string let = statement(fmt::format("let x = {}", text));
  constexpr std::size_t kLead = std::string_view("(let x none none ").size();
  return let.substr(kLead, let.size() - kLead - 1);
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The blocks of a page that are marked ```bl.
std::vector<std::string> programs_of(const std::string& page) {
  std::vector<std::string> programs;
  for (std::size_t at = page.find("```bl\n"); at != std::string::npos;
       at = page.find("```bl\n", at)) {
    at += 6;
    programs.push_back(page.substr(at, page.find("```", at) - at));
  }
  return programs;
}

TEST(Parser, ReadsEveryProgramOfTheReference) {
  const auto programs =
      programs_of(read(std::filesystem::path(BITLOOM_SOURCE_DIR) / "docs/language.md"));
  ASSERT_GE(programs.size(), 3u);
  for (const std::string& program : programs) EXPECT_EQ(parse_text(program).errors, "") << program;
}

TEST(Parser, ReadsEveryProgramOfTheHouse) {
  std::size_t count = 0;
  for (const char* folder : {"kernels", "stdlib"}) {
    if (!std::filesystem::exists(std::filesystem::path(BITLOOM_SOURCE_DIR) / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(BITLOOM_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".bl") continue;
      const Parsed parsed = parse_text(read(entry.path()));
      EXPECT_EQ(parsed.errors, "") << entry.path();
      ASSERT_TRUE(parsed.file.has_value());
      EXPECT_FALSE(parsed.file->declarations.empty()) << entry.path();
      ++count;
    }
  }
  EXPECT_GE(count, 10u);
}

TEST(Parser, PrecedenceFollowsTheReference) {
  EXPECT_EQ(expression("a || b && c == d | e ^ f & g << h + i * -j"),
            "(|| a (&& b (== c (| d (^ e (& f (<< g (+ h (* i (- j))))))))))");
  EXPECT_EQ(expression("a - b - c"), "(- (- a b) c)");
  EXPECT_EQ(expression("a * b / c % d"), "(% (/ (* a b) c) d)");
  EXPECT_EQ(expression("(a - b) * c"), "(* (- a b) c)");
  EXPECT_EQ(expression("!a && ~b != -c"), "(&& (! a) (!= (~ b) (- c)))");
  EXPECT_EQ(expression("-x.y[0](1)"), "(- (call (index (. x y) 0) 1))");
}

TEST(Parser, AnglesAreGenericArgumentsOnlyWhereACallOrATypeFollows) {
  EXPECT_EQ(expression("cast<f16>(x)"), "(call cast < f16 > x)");
  EXPECT_EQ(expression("a < b"), "(< a b)");
  EXPECT_EQ(expression("zeros<f32, 16, N * 2>()"), "(call zeros < f32 16 (* N 2) >)");
  EXPECT_EQ(expression("cast<codebook<4>>(x)"), "(call cast < (generic codebook 4) > x)");
  EXPECT_EQ(expression("view<u8, local(2) * spatial(8, 4)>(x)"),
            "(call view < u8 (* (call local 2) (call spatial 8 4)) > x)");
  EXPECT_EQ(expression("f(a < b, c > d)"), "(call f (< a b) (> c d))");
  EXPECT_EQ(expression("f(a < b, c)"), "(call f (< a b) c)");
  EXPECT_EQ(expression("bits(codebook<4>)"), "(call bits (generic codebook 4))");
  EXPECT_EQ(expression("quant.dequantize<f16>(w, s)"), "(call (. quant dequantize) < f16 > w s)");
  EXPECT_EQ(expression("i < n && j > (m)"), "(&& (< i n) (> j m))");
  EXPECT_EQ(expression("f(a < b, c >> d)"), "(call f (< a b) (>> c d))");
  EXPECT_EQ(expression("f<codebook<a(b < c, d >> e)>>(x)"),
            "(call f < (generic codebook (call a (< b c) (>> d e))) > x)");
  EXPECT_EQ(expression("x[i < n, j]"), "(index x (< i n) j)");
}

TEST(Parser, Literals) {
  EXPECT_EQ(expression("0xff + 0b1010 + 1_000_000"), "(+ (+ 255 10) 1000000)");
  EXPECT_EQ(expression("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(expression("1.5 + 2e-3"), fmt::format("(+ f{:a} f{:a})", 1.5, 2e-3));
  EXPECT_EQ(expression("f(inf, -nan, true, false)"), "(call f finf (- fnan) true false)");
  EXPECT_EQ(statement(R"(print("a \"b\"\n{}", 1))"), "(print 'a \"b\"\n{}' 1)");
}

TEST(Parser, IndicesTuplesArgumentsAndReferences) {
  EXPECT_EQ(expression("x[i, j +: N, :]"), "(index x i j+:N :)");
  EXPECT_EQ(expression("x[i+j +: N*2]"), "(index x (+ i j)+:(* N 2))");
  EXPECT_EQ(expression("f(a, dim = 1, warps = (1, 8))"), "(call f a dim=1 warps=(tuple 1 8))");
  EXPECT_EQ(expression("f(a == b)"), "(call f (== a b))");
  EXPECT_EQ(expression("transpose(ref ring[ks])"), "(call transpose (ref (index ring ks)))");
  EXPECT_EQ(expression("role.index + block.x"), "(+ (. role index) (. block x))");
}

TEST(Parser, Statements) {
  EXPECT_EQ(statement("let (a, b) = f()"), "(let() a,b none none (call f))");
  EXPECT_EQ(statement("var s: f32[64, 128] in mma.c(warps = (4, 1)) = 0"),
            "(var s f32[ 64 128 ] (call (. mma c) warps=(tuple 4 1)) 0)");
  EXPECT_EQ(statement("let x in L = y"), "(let x none L y)");
  EXPECT_EQ(statement("let x = y in L"), "(let x none L y)");
  EXPECT_EQ(statement("shared a: packed W[S, BK] swizzle(128) pad(8)"),
            "(shared a packed W[ S BK ] (@swizzle 128) (@pad 8))");
  EXPECT_EQ(statement("barrier full[S] count(1)"), "(barrier full S (@count 1))");
  EXPECT_EQ(statement("x = 1; x += 2; x -= 3; x *= 4"), "(= x 1) (+= x 2) (-= x 3) (*= x 4)");
  EXPECT_EQ(statement("c[i +: 4] <- x"), "(<- (index c i+:4) x)");
  EXPECT_EQ(statement("if a { f() } else if b { g() }\nelse { h() }"),
            "(if a { (call f) } { (if b { (call g) } { (call h) }) })");
  EXPECT_EQ(statement("for i in 0 .. n step 2 unroll { break }"),
            "(for i 0 n 2 unroll { (break) })");
  EXPECT_EQ(statement("for i in 0..n\n{\n  continue\n}"), "(for i 0 n none { (continue) })");
  EXPECT_EQ(statement("while a < b { return }"), "(while (< a b) { (return none) })");
  EXPECT_EQ(statement("pipeline<S> for t in 0 .. n {\n  load { a[t] <- x[t] }\n  f(t)\n}"),
            "(pipeline S t 0 n { (<- (index a t) (index x t)) } { (call f t) })");
  EXPECT_EQ(statement("roles {\n  role p threads(128) { f() }\n  role c[2] threads(64) "
                      "registers(40) { g() }\n}"),
            "(roles (role p none (@threads 128) { (call f) }) (role c 2 (@threads 64) (@registers "
            "40) { (call g) }))");
  EXPECT_EQ(statement("warps w { f(w) }"), "(warps w { (call f w) })");
  EXPECT_EQ(statement("assert a < b, \"why\""), "(assert (< a b) 'why')");
}

TEST(Parser, ALineGoesOnBehindOperatorsAndInsideBrackets) {
  EXPECT_EQ(statement("let x = a +\n  b *   // why\n\n  c"), "(let x none none (+ a (* b c)))");
  EXPECT_EQ(statement("let x =\n  f(a,\n    b\n  )\ny <-\n  z"),
            "(let x none none (call f a b)) (<- y z)");
  EXPECT_EQ(statement("f(a,\n  warps = 4)"), "(call f a warps=4)");
  EXPECT_EQ(statement("f(a)\n\n// one\n\ng(b)"), "(call f a) (call g b)");
}

TEST(Parser, LineEndsOfWindowsAreLineEnds) {
  const Parsed parsed = parse_text("fn f() {\r\n  let a = 1 +\r\n    2\r\n  let b = 2 2\r\n}\r\n");
  EXPECT_THAT(parsed.errors, testing::StartsWith(
                                 "test.bl:4:13: error[BL0101]: expected the end of the statement"));
  EXPECT_EQ(parse_text("/// one\r\nconst A = 1\r\n").file->declarations.at(0).documentation, "one");
}

TEST(Parser, HostileTextsEndInErrors) {
  const auto repeated = [](std::string_view part, std::size_t times) {
    std::string text = "fn f(x) {\nlet y = ";
    for (std::size_t i = 0; i < times; ++i) text += part;
    return text;
  };
  for (const char* part : {"(",
                           "[",
                           "{",
                           "-",
                           "a<",
                           "a<b,",
                           "f(",
                           "x[",
                           "a+",
                           "if a {\n",
                           "if a { } else ",
                           ")",
                           "}",
                           "\"",
                           "ref ",
                           "f<",
                           "a.b",
                           "$",
                           "a<(",
                           "1",
                           "roles {\nrole r {\n",
                           "a(b)",
                           "a == b == c\n",
                           "//",
                           "/*",
                           "a "}) {
    EXPECT_NE(parse_text(repeated(part, 20000)).errors, "") << part;
  }
  EXPECT_THAT(parse_text(std::string(kMaxProgramBytes + 1, ' ')).errors,
              testing::HasSubstr("BL0603"));
}

TEST(Parser, Declarations) {
  EXPECT_EQ(tree_of("import std.quant\nimport \"a b.bl\" as c\nimport x as y\n"),
            "(import std.quant )\n(import file a b.bl c)\n(import x y)\n");
  EXPECT_EQ(tree_of("const A = 1 << 4\n"), "(const A (<< 1 4))\n");
  EXPECT_EQ(tree_of("fn f(x) = x * x\n"), "(fn f (param x none) none = { (return (* x x)) })\n");
  EXPECT_EQ(
      tree_of(
          "fn f<D: int = 0, T: type>(x: f16[_, _], var y, z: f32) -> f32[_, 1] {\n  return x\n}\n"),
      "(fn f (int D 0) (type T none) (param x f16[ _ _ ]) (param var y none) (param z f32) f32[ _ "
      "1 ] "
      "{ (return x) })\n");
  EXPECT_EQ(tree_of(R"(
explicit kernel k<T: type = codebook<4>,
  L: layout = local(2),
>(
  a: optional global packed T[k / 2, n],
  b: f32,
)
  grid(ceildiv(n, 2), 1)
  threads(32)
  resident
  where n > 0, "why"
  where n < 5
{
}
)"),
            "(explicit kernel k (type T (generic codebook 4)) (layout L (call local 2)) "
            "(param a optional global packed T[ (/ k 2) n ]) (param b f32) (@grid (call ceildiv n "
            "2) 1) (@threads 32) "
            "(@resident) (where (> n 0) 'why') (where (< n 5) none) { })\n");
}

TEST(Parser, DocumentationIsTheLinesDirectlyAbove) {
  EXPECT_EQ(tree_of("/// not this\n\n/// one\n///  two\nconst A = 1\n// no\nconst B = 2\n"),
            "\"one\n two\" (const A 1)\n(const B 2)\n");
}

TEST(Parser, CommentsAreRecorded) {
  const Parsed parsed = parse_text("// a\nconst A = 1  // b \nconst S = \"// no\"\n");
  ASSERT_TRUE(parsed.file);
  ASSERT_EQ(parsed.file->comments.size(), 2u);
  EXPECT_TRUE(parsed.file->comments[0].own_line);
  EXPECT_FALSE(parsed.file->comments[1].own_line);
  EXPECT_EQ(parsed.file->comments[1].place.end, 22u);
}

}  // namespace
}  // namespace bitloom::dsl
