#include "vm/absent_sizes.h"

#include <set>

namespace bitloom::vm {

std::vector<std::string> absent_sizes(const Function& function) {
  std::set<std::string> absent, needed;
  for (const Parameter& parameter : function.parameters)
    for (const layouts::SizeExpr& extent : function.value(parameter.value).type.extents)
      for (const std::string& symbol : extent.symbols())
        (parameter.present ? needed : absent).insert(symbol);
  for (const layouts::SizeExpr& axis : function.grid)
    for (const std::string& symbol : axis.symbols()) needed.insert(symbol);
  std::vector<std::string> names;
  for (const std::string& name : absent)
    if (!needed.contains(name)) names.push_back(name);
  return names;
}

}  // namespace bitloom::vm
