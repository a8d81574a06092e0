#ifndef NATIVE_CALL_STACK_INTERRUPT_BUDGET_H_
#define NATIVE_CALL_STACK_INTERRUPT_BUDGET_H_

#include <cstdint>

namespace memray_mocha {

/// V8 counts down, for each function, how much it has run in the interpreter or
/// in Sparkplug's code, where the function jumps back or returns; code that is
/// optimized is not counted. So of two moments of one call of a function, at
/// one place in it, this tells whether it has been there twice.
///
/// @param function a word that may be a function of V8's heap.
/// @return the count, with what else is beside it; 0 when it cannot be told.
/// Reads V8's heap.
uint64_t ReadInterruptBudget(uint64_t function);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_INTERRUPT_BUDGET_H_
