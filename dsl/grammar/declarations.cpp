// Imports, constants, functions and kernels: docs/language.md, sections 1 and 3.
#include "dsl/grammar/spirit.h"

namespace bitloom::dsl::grammar {
namespace {

using x3::lit;
using x3::rule;

// ---- Actions ------------------------------------------------------------------------------------
const auto set_path = [](auto& ctx) {
  x3::_val(ctx).path = x3::_attr(ctx).text;
  x3::_val(ctx).path_place = x3::_attr(ctx).place;
};
const auto add_path = [](auto& ctx) {
  x3::_val(ctx).path += '.';
  x3::_val(ctx).path += x3::_attr(ctx).text;
  x3::_val(ctx).path_place.end = x3::_attr(ctx).place.end;
};
const auto set_quoted_path = [](auto& ctx) {
  x3::_val(ctx).quoted = true;
  x3::_val(ctx).path = string_value(state_of(ctx), x3::_attr(ctx));
  x3::_val(ctx).path_place = x3::_attr(ctx).place;
};
const auto set_alias = [](auto& ctx) { x3::_val(ctx).alias = x3::_attr(ctx).text; };
const auto set_message = [](auto& ctx) {
  x3::_val(ctx).message = string_value(state_of(ctx), x3::_attr(ctx));
};
const auto set_variable = [](auto& ctx) { x3::_val(ctx).variable = true; };
const auto set_explicit = [](auto& ctx) { x3::_val(ctx).is_explicit = true; };
const auto set_short_body = [](auto& ctx) {
  FunctionDecl& function = x3::_val(ctx);
  const ExprPtr& value = x3::_attr(ctx);
  Stmt result;
  result.place = value->place;
  result.node = Return{value};
  function.short_form = true;
  function.body.place = value->place;
  function.body.statements.push_back(std::make_shared<Stmt>(std::move(result)));
};
const auto make_declaration = [](auto& ctx) { x3::_val(ctx).node = std::move(x3::_attr(ctx)); };
const auto push_parameter = [](auto& ctx) {
  if (!x3::_attr(ctx).name.empty()) x3::_val(ctx).push_back(std::move(x3::_attr(ctx)));
};
const auto push_declaration = [](auto& ctx) {
  Decl& decl = x3::_attr(ctx);
  if (decl.place.end != 0) x3::_val(ctx).push_back(std::move(decl));
};

// ---- Rules --------------------------------------------------------------------------------------

const rule<struct import_id, ImportDecl> import = "import";
const rule<struct const_id, ConstDecl> constant = "const";
const rule<struct function_id, FunctionDecl> function = "fn";
const rule<struct kernel_id, KernelDecl> kernel = "kernel";
const rule<struct parameter_id, ParameterSyntax> parameter = "parameter";
const rule<struct kernel_parameter_id, ParameterSyntax> kernel_parameter = "kernel parameter";
const rule<struct parameters_id, std::vector<ParameterSyntax>> parameters = "parameters";
const rule<struct kernel_parameters_id, std::vector<ParameterSyntax>> kernel_parameters =
    "kernel parameters";
const rule<struct condition_id, Where> condition = "condition";
const rule<struct declaration_id, Decl> declaration = "declaration";
const rule<struct declarations_id, std::vector<Decl>> declarations = "declarations";

const auto import_def = keyword("import") >>
                        ((string_literal[set_quoted_path] >>
                          must(keyword("as"), "'as' and a name for the module") >>
                          must(name, "a name for the module")[set_alias]) |
                         (must(name, "the name of a module, or a path in quotes")[set_path] >>
                          *(lit('.') >> must(any_word, "the name of a module")[add_path]) >>
                          -(keyword("as") >> must(name, "a name for the module")[set_alias])));

const auto constant_def = keyword("const") >>
                          must(name,
                               "a name")[store_name<&ConstDecl::name, &ConstDecl::name_place>] >>
                          must(lit('='), "'='") >>
                          must(expression_part, "an expression")[store<&ConstDecl::value>];

// One that is wrong does not hide the errors of the next.
const auto parameter_end = must(&(lit(',') | ')'), "',' or ')'");
const auto parameter_def =
    -(keyword("var")[set_variable]) >>
    must(name, "the name of a parameter")[store_name<&ParameterSyntax::name,
                                                     &ParameterSyntax::name_place>] >>
    -(lit(':') >> must(type_part, "a type")[store<&ParameterSyntax::type>]) >> parameter_end;
const auto kernel_parameter_def =
    must(name, "the name of a parameter")[store_name<&ParameterSyntax::name,
                                                     &ParameterSyntax::name_place>] >>
    must(lit(':'), "':' and a type") >>
    must(type_part, "a type")[store<&ParameterSyntax::type>] >> parameter_end;

const auto next_parameter = recovering(parameter, report_list_item)[push_parameter];
const auto parameters_def = lit('(') >>
                            -(!lit(')') >> next_parameter >>
                              *(lit(',') >> !lit(')') >> next_parameter) >> -lit(',')) >>
                            must(lit(')'), "',' or ')'");
const auto next_kernel_parameter = recovering(kernel_parameter, report_list_item)[push_parameter];
const auto kernel_parameters_def = lit('(') >>
                                   -(!lit(')') >> next_kernel_parameter >>
                                     *(lit(',') >> !lit(')') >> next_kernel_parameter) >>
                                     -lit(',')) >>
                                   must(lit(')'), "',' or ')'");

const auto function_def =
    keyword("fn") >>
    must(name,
         "the name of the function")[store_name<&FunctionDecl::name, &FunctionDecl::name_place>] >>
    -(generic_parameters_part[store<&FunctionDecl::generics>]) >>
    must(parameters, "'(' and the parameters")[store<&FunctionDecl::parameters>] >>
    -(lit("->") >> must(type_part, "a type")[store<&FunctionDecl::result>]) >>
    ((lit('=') >> must(expression_part, "an expression")[set_short_body]) |
     must(block_part, "'{' or '='")[store<&FunctionDecl::body>]);

const auto condition_def =
    placed(keyword("where") >> must(expression_part, "a condition")[store<&Where::condition>] >>
           -(lit(',') >> must(string_literal, "a message in quotes")[set_message]));

const auto kernel_def =
    -(keyword("explicit")[set_explicit]) >> keyword("kernel") >>
    must(name, "the name of the kernel")[store_name<&KernelDecl::name, &KernelDecl::name_place>] >>
    -(generic_parameters_part[store<&KernelDecl::generics>]) >>
    must(kernel_parameters, "'(' and the parameters")[store<&KernelDecl::parameters>] >>
    attributes_part[store<&KernelDecl::attributes>] >> *(condition[append<&KernelDecl::wheres>]) >>
    must(block_part, "an attribute, 'where' or '{'")[store<&KernelDecl::body>];

const auto declaration_def =
    placed(!x3::eoi >> must(import[make_declaration] | constant[make_declaration] |
                                function[make_declaration] | kernel[make_declaration],
                            "a declaration: import, const, fn or kernel") >>
           must(&(lit('\n') | ';' | x3::eoi), "the end of the declaration"));
const auto declarations_def = separators >>
                              *(recovering(declaration, report_declaration)[push_declaration] >>
                                separators);

BOOST_SPIRIT_DEFINE(import, constant, function, kernel, parameter, kernel_parameter, parameters,
                    kernel_parameters, condition, declaration, declarations)

}  // namespace

void parse_declarations(State& state, std::vector<Decl>& result) {
  Cursor first = state.begin();
  run(declarations, first, state.end(), state, result);
}

}  // namespace bitloom::dsl::grammar
