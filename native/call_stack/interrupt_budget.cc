#include "call_stack/interrupt_budget.h"

#include <v8-internal.h>

#include <optional>

#include "v8_constants.h"

namespace memray_mocha {
namespace {

using v8::internal::Internals;

uint64_t Read(uint64_t object, int offset) {
  return *reinterpret_cast<const uint64_t*>(
      object - v8::internal::kHeapObjectTag + offset);
}

/// V8 does not export where it is: it comes after the only field of a
/// FeedbackCell that is a heap object.
std::optional<int> FindBudgetOffset() {
  auto value = FindV8Constant("v8dbg_class_FeedbackCell__value__HeapObject");
  if (!value) {
    value =
        FindV8Constant("v8dbg_class_FeedbackCell__value__Tagged_HeapObject_");
  }
  if (!value) return {};
  return *value + static_cast<int>(sizeof(uint64_t));
}

std::optional<int> FindCellOffset() {
  const auto cell =
      FindV8Constant("v8dbg_class_JSFunction__raw_feedback_cell__FeedbackCell");
  if (cell) return cell;
  return FindV8Constant(
      "v8dbg_class_JSFunction__raw_feedback_cell__Tagged_FeedbackCell_");
}

}  // namespace

uint64_t ReadInterruptBudget(uint64_t function) {
  static const auto function_type =
      FindV8Constant("v8dbg_type_JSFunction__JS_FUNCTION_TYPE");
  static const auto cell_offset = FindCellOffset();
  static const auto budget_offset = FindBudgetOffset();
  if (!function_type || !cell_offset || !budget_offset ||
      !Internals::HasHeapObjectTag(function) ||
      // Of functions of classes and of V8's own it is a higher one.
      Internals::GetInstanceType(function) < *function_type) {
    return 0;
  }
  const uint64_t cell = Read(function, *cell_offset);
  return Internals::HasHeapObjectTag(cell) ? Read(cell, *budget_offset) : 0;
}

}  // namespace memray_mocha
