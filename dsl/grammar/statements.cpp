// Statements and blocks: docs/language.md, sections 5 to 7.
//
// Every statement but an expression is known by its first word; behind it everything is expected. A
// statement that fails is reported, and the list goes on behind it.
#include "dsl/grammar/spirit.h"

namespace bitloom::dsl::grammar {
namespace {

using x3::lit;
using x3::rule;

// ---- Actions ------------------------------------------------------------------------------------
const auto set_variable = [](auto& ctx) { x3::_val(ctx).variable = true; };
const auto set_tuple = [](auto& ctx) { x3::_val(ctx).tuple = true; };
const auto set_unroll = [](auto& ctx) { x3::_val(ctx).unroll = true; };
const auto add_name = [](auto& ctx) {
  x3::_val(ctx).names.emplace_back(x3::_attr(ctx).text);
  x3::_val(ctx).name_places.push_back(x3::_attr(ctx).place);
};
const auto set_message = [](auto& ctx) {
  x3::_val(ctx).message = string_value(state_of(ctx), x3::_attr(ctx));
};
const auto set_format = [](auto& ctx) {
  x3::_val(ctx).format = string_value(state_of(ctx), x3::_attr(ctx));
  x3::_val(ctx).format_place = x3::_attr(ctx).place;
};
const auto make_stmt = [](auto& ctx) { x3::_val(ctx).node = std::move(x3::_attr(ctx)); };
template <class Node>
const auto make_plain = [](auto& ctx) { x3::_val(ctx).node = Node{}; };

// `else if` is a block that holds one If.
const auto add_else_if = [](auto& ctx) {
  Stmt& inner = x3::_attr(ctx);
  Block block;
  block.place = inner.place;
  block.statements.push_back(std::make_shared<Stmt>(std::move(inner)));
  x3::_val(ctx).otherwise = std::move(block);
};

const auto begin_with_target = [](auto& ctx) {
  x3::_val(ctx).node = ExprStmt{std::move(x3::_attr(ctx))};
};
const auto move_value = [](auto& ctx) {
  Stmt& stmt = x3::_val(ctx);
  stmt.node = Move{std::get<ExprStmt>(stmt.node).x, std::move(x3::_attr(ctx))};
};
template <AssignOp Op>
const auto assign_with = [](auto& ctx) {
  Stmt& stmt = x3::_val(ctx);
  stmt.node = Assign{Op, std::get<ExprStmt>(stmt.node).x, std::move(x3::_attr(ctx))};
};

// A statement that was reported has no place and is left out.
const auto push_statement = [](auto& ctx) {
  Stmt& stmt = x3::_attr(ctx);
  if (stmt.place.end != 0)
    x3::_val(ctx).statements.push_back(std::make_shared<Stmt>(std::move(stmt)));
};
const auto push_role = [](auto& ctx) {
  Role& role = x3::_attr(ctx);
  if (role.place.end != 0) x3::_val(ctx).roles.push_back(std::move(role));
};
// `sync()` is a statement; `x + 1` is not.
const auto refuse_unused_value = [](auto& ctx) {
  if (const auto* plain = std::get_if<ExprStmt>(&x3::_val(ctx).node))
    report_unused_value(state_of(ctx), *plain->x);
};
const auto set_pipeline_body = [](auto& ctx) {
  x3::_val(ctx).load = std::move(x3::_attr(ctx).load);
  x3::_val(ctx).body = std::move(x3::_attr(ctx).rest);
};
const auto pass_at_forced_end = [](auto& ctx) {
  State& state = state_of(ctx);
  const Cursor at = end_of(ctx);
  x3::_pass(ctx) = at == state.end() || state.scan.is_forced_end(state.offset(at));
};

// ---- Rules --------------------------------------------------------------------------------------
struct PipelineBody {
  Block load, rest;
};

const rule<struct statement_id, Stmt> statement = "statement";
const rule<struct statements_id, Block> statements = "statements";
const rule<struct block_id, Block> block = "block";
const rule<struct let_id, Let> let = "let";
const rule<struct shared_id, SharedDecl> shared = "shared";
const rule<struct barrier_id, BarrierDecl> barrier = "barrier";
const rule<struct if_id, If> if_else = "if";
const rule<struct else_if_id, Stmt> else_if = "else if";
const rule<struct for_id, For> for_loop = "for";
const rule<struct while_id, While> while_loop = "while";
const rule<struct return_id, Return> return_value = "return";
const rule<struct pipeline_id, Pipeline> pipeline = "pipeline";
const rule<struct pipeline_body_id, PipelineBody> pipeline_body = "pipeline body";
const rule<struct load_block_id, Block> load_block = "load block";
const rule<struct roles_id, Roles> roles = "roles";
const rule<struct role_id, Role> role = "role";
const rule<struct warps_id, Warps> warps = "warps";
const rule<struct assert_id, Assert> assertion = "assert";
const rule<struct print_id, Print> print = "print";
const rule<struct assignment_id, Stmt> assignment = "assignment";

const auto must_expression = must(expression_part, "an expression");
const auto must_name = must(name, "a name");
const auto must_loop_name = must(name, "the name of the loop variable");
const auto must_block = must(deeper(block), "'{'");
const auto block_end = lit('}') | x3::eps[pass_at_forced_end];

const auto let_names =
    name[add_name] | (lit('(')[set_tuple] >> must_name[add_name] >>
                      *(lit(',') >> must_name[add_name]) >> must(lit(')'), "',' or ')'"));
// The layout may stand on either side of the value.
const auto let_layout = keyword("in") >> must(expression_part, "a layout")[store<&Let::layout>];
const auto let_value = must(lit('=') >> !lit('='), "'='") >> must_expression[store<&Let::value>];
const auto let_def = (keyword("let") | keyword("var")[set_variable]) >> must(let_names, "a name") >>
                     -(lit(':') >> must(type_part, "a type")[store<&Let::type>]) >>
                     ((let_layout >> let_value) | (let_value >> -let_layout));

const auto shared_def = keyword("shared") >>
                        must_name[store_name<&SharedDecl::name, &SharedDecl::name_place>] >>
                        must(lit(':'), "':' and a type") >>
                        must(type_part, "a type")[store<&SharedDecl::type>] >>
                        attributes_part[store<&SharedDecl::attributes>];

const auto barrier_def =
    keyword("barrier") >> must_name[store_name<&BarrierDecl::name, &BarrierDecl::name_place>] >>
    -(lit('[') >> must(expression_part, "the number of barriers")[store<&BarrierDecl::extent>] >>
      must(lit(']'), "']'")) >>
    attributes_part[store<&BarrierDecl::attributes>];

const auto if_else_def =
    keyword("if") >>
    must(expression_part, "a condition")[store<&If::condition>] >> must_block[store<&If::then>] >>
    -(keyword("else") >>
      (deeper(else_if)[add_else_if] | must(deeper(block), "'{' or 'if'")[store<&If::otherwise>]));
const auto else_if_def = placed(if_else[make_stmt]);

const auto for_loop_def =
    keyword("for") >> must_loop_name[store_name<&For::name, &For::name_place>] >>
    must(keyword("in"), "'in'") >> must_expression[store<&For::lower>] >>
    must(lit(".."), "'..' and the upper bound") >> must_expression[store<&For::upper>] >>
    -(keyword("step") >> must_expression[store<&For::step>]) >>
    -(keyword("unroll")[set_unroll]) >> must_block[store<&For::body>];

const auto while_loop_def = keyword("while") >>
                            must(expression_part, "a condition")[store<&While::condition>] >>
                            must_block[store<&While::body>];

const auto return_value_def = keyword("return") >> -(expression_part[store<&Return::value>]);

const auto pipeline_def =
    keyword("pipeline") >> must(lit('<'), "'<' and the number of stages") >>
    must(generic_argument_part, "the number of stages")[store<&Pipeline::stages>] >>
    must(lit('>'), "'>'") >> must(keyword("for"), "'for'") >>
    must_loop_name[store_name<&Pipeline::name, &Pipeline::name_place>] >>
    must(keyword("in"), "'in'") >> must_expression[store<&Pipeline::lower>] >>
    must(lit(".."), "'..' and the upper bound") >> must_expression[store<&Pipeline::upper>] >>
    must(deeper(pipeline_body), "'{'")[set_pipeline_body];
const auto load_block_def =
    must(keyword("load"), "the load block of the pipeline") >> must_block[assign_value];
const auto pipeline_body_def = lit('{') >> separators >>
                               recovering(load_block,
                                          report_pipeline_load)[store<&PipelineBody::load>] >>
                               statements[store<&PipelineBody::rest>] >> must(block_end, "'}'");

const auto role_def =
    placed(keyword("role") >>
           must(name, "the name of the role")[store_name<&Role::name, &Role::name_place>] >>
           -(lit('[') >> must(expression_part, "the number of copies")[store<&Role::copies>] >>
             must(lit(']'), "']'")) >>
           attributes_part[store<&Role::attributes>] >> must_block[store<&Role::body>]);
const auto roles_def = keyword("roles") >> must(lit('{'), "'{'") >> separators >>
                       *(!block_end >>
                         recovering(must(deeper(role), "'role'"), report_statement)[push_role] >>
                         separators) >>
                       must(block_end, "'}'");

const auto warps_def =
    keyword("warps") >>
    must(name, "a name for the index of the warp")[store_name<&Warps::name, &Warps::name_place>] >>
    must_block[store<&Warps::body>];

const auto assertion_def = keyword("assert") >>
                           must(expression_part, "a condition")[store<&Assert::condition>] >>
                           -(lit(',') >> must(string_literal, "a message in quotes")[set_message]);

const auto print_def = keyword("print") >> must(lit('('), "'('") >>
                       must(string_literal, "a format in quotes")[set_format] >>
                       *(lit(',') >> !lit(')') >> must_expression[append<&Print::values>]) >>
                       -lit(',') >> must(lit(')'), "',' or ')'");

const auto assignment_def = expression_part[begin_with_target] >>
                            -((lit("<-") >> must_expression[move_value]) |
                              (lit("+=") >> must_expression[assign_with<AssignOp::Add>]) |
                              (lit("-=") >> must_expression[assign_with<AssignOp::Sub>]) |
                              (lit("*=") >> must_expression[assign_with<AssignOp::Mul>]) |
                              (lit('=') >> !lit('=') >>
                               must_expression[assign_with<AssignOp::Set>]));

const auto any_statement = let[make_stmt] | shared[make_stmt] | barrier[make_stmt] |
                           if_else[make_stmt] | for_loop[make_stmt] | while_loop[make_stmt] |
                           keyword("break")[make_plain<Break>] |
                           keyword("continue")[make_plain<Continue>] | return_value[make_stmt] |
                           pipeline[make_stmt] | roles[make_stmt] | warps[make_stmt] |
                           assertion[make_stmt] | print[make_stmt] | assignment[assign_value];
const auto statement_def =
    placed(!block_end >> must(any_statement, "a statement") >>
           must(&(lit('\n') | ';' | block_end), "the end of the statement") >>
           x3::eps[refuse_unused_value]);

const auto statements_def = separators >>
                            *(recovering(statement, report_statement)[push_statement] >>
                              separators);
const auto block_def = placed(lit('{') >> statements[assign_value] >> must(block_end, "'}'"));

BOOST_SPIRIT_DEFINE(statement, statements, block, let, shared, barrier, if_else, else_if, for_loop,
                    while_loop, return_value, pipeline, pipeline_body, load_block, roles, role,
                    warps, assertion, print, assignment)

}  // namespace

bool parse_block(Cursor& first, Cursor last, State& state, Block& result) {
  return run(block, first, last, state, result);
}

bool parse_pipeline_body(Cursor& first, Cursor last, State& state, Block& result) {
  PipelineBody body;
  if (!run(pipeline_body, first, last, state, body)) return false;
  result = std::move(body.rest);
  return true;
}

}  // namespace bitloom::dsl::grammar
