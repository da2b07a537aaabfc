// Mbarriers: phases that end when all arrivals have come and all announced bytes have been copied.
#pragma once

#include "vm/interpreter/compiler.h"
#include "vm/interpreter/hazards.h"

namespace bitloom::vm::interpreter {

// The mbarrier that a view names; null, reported, when there is none.
Mbarrier* mbarrier_at(Strand& strand, const Step& step, const ViewInfo& info);
std::int64_t number_of(const Block& block, const Mbarrier& barrier);
// Ends the phase when nothing is missing any more.
void complete_if_due(Mbarrier& barrier);
// False, reported, when there are too many arrivals.
bool arrive_at(Strand& strand, const Step& step, Mbarrier& barrier, std::int64_t times,
               Hazards::Arrival arrival);
// Lets the copies land that the mbarrier counts.
void land_copies(Strand& strand, Mbarrier& barrier);

}  // namespace bitloom::vm::interpreter
