// Statements: names, assignments, and control.
//
// What is known at compile time happens here and now: the branch of an `if` that is not taken
// leaves no trace, an `unroll` loop is walked once for each of its turns. Everything else becomes
// structured instructions with regions. A Flow says what a jump does to the statements behind it.
#pragma once

#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

// A block with names of its own.
Flow run(Context& c, const Block& block);
// The statements of a block, in the current scope.
Flow run_statements(Context& c, const Block& block);
Flow run(Context& c, const Stmt& stmt);

// One file each.
Flow run_for(Context& c, const For& node, Place place);
Flow run_while(Context& c, const While& node, Place place);
Flow run_pipeline(Context& c, const Pipeline& node, Place place);
Flow run_roles(Context& c, const Roles& node, Place place);
Flow run_warps(Context& c, const Warps& node, Place place);
void run_shared(Context& c, const SharedDecl& node, Place place);
void run_barrier(Context& c, const BarrierDecl& node, Place place);

// Of an attribute such as swizzle(128): its only argument; BL0111 when there is another number of
// them.
std::optional<std::int64_t> attribute_integer(Context& c, const Attribute& attribute);
// BL0118 for an attribute that is none of these, BL0119 for one that stands twice.
bool known_attributes(Context& c, const std::vector<Attribute>& attributes,
                      const std::vector<std::string_view>& names);
const Attribute* find_attribute(const std::vector<Attribute>& attributes, std::string_view name);

}  // namespace bitloom::dsl::sema
