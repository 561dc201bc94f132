"""Mutants that break a promise each, by the sections of docs/what_you_can_rely_on.md.

The test that a mutant names is the one with the mark of its promise.
"""

from mutants.planted import Mutant

# Promises that no changed line breaks where the short run can see it, and why.
WITHOUT_MUTANT = {
    "robustness/test_free_threading.py"
    "::test_free_threaded_python_keeps_the_gil_disabled": "skipped under a lock",
    "robustness/test_free_threading.py"
    "::test_few_rows_have_the_bits_of_a_single_thread": "the lock keeps threads apart",
    "robustness/test_processes.py"
    "::test_a_program_ends_though_daemon_threads_fit": "only added code could wait",
    "robustness/test_processes.py"
    "::test_a_fork_during_fits_of_other_threads": "the moment that matters is rare",
}

MUTANTS = (
    # ---- A call that raises changes nothing
    Mutant(
        "a fit that has raised calls the hook of its end",
        "if $root is not None «and $exception_type is None»: $end()",
        "",
        "estimators/test_callback_failures.py"
        "::test_a_hook_that_raises_leaves_the_estimator_as_it_was",
    ),
    Mutant(
        "an allocation is not checked",
        "$block = calloc($bytes, 1); if («$block == NULL»)",
        "$bytes == 0",
        "robustness/test_failing_allocations.py"
        "::test_every_operation_at_every_allocation",
    ),
    Mutant(
        "a batch in another data type than the first is accepted",
        "if «not» $is_first and X.dtype != $dtype:",
        "",
        "data/test_fit_batches.py::test_a_bad_batch_in_the_third_epoch",
    ),
    Mutant(
        "a pickled optimizer forgets its number of steps",
        "$part.__dict__.update($state[$name]«»)",
        ", n_steps=0",
        "estimators/test_operation_sequences.py::test_calls_in_any_order",
    ),
    Mutant(
        "a fit trains the estimator itself, not a copy",
        "$copy = object.__new__(type($estimator))"
        " «$copy.__dict__.update($estimator.__dict__)» for",
        "$copy.__dict__ = $estimator.__dict__",
        "robustness/test_raising_changes_nothing.py"
        "::test_a_fit_that_fails_leaves_the_last_one",
    ),
    Mutant(
        "parameters are not tried on a copy first",
        "«super($cls, $copy).set_params(**params)» $fitted =",
        "pass",
        "robustness/test_raising_changes_nothing.py::test_set_params_sets_all_or_none",
    ),
    Mutant(
        "the old fit is removed before the new one is complete",
        "self.__dict__ = «vars($model) | $set_since»",
        "[vars(self).clear(),\nvars($model) | $set_since][1]",
        "robustness/test_raising_changes_nothing.py::test_a_fit_raising_at_any_line",
    ),
    # ---- No input kills the interpreter
    Mutant(
        "an array that is read may be resized",
        "«weakref.ref($owner)»",
        "$owner",
        "core/test_core_objects.py::test_no_array_is_resized_while_it_is_checked",
    ),
    Mutant(
        "no file of the present format loads",
        "if $found not in range(«1», FORMAT + 1):",
        "2",
        "robustness/test_corrupted_pickles.py::test_a_damaged_pickle_does_not_crash",
    ),
    Mutant(
        "a missing parameter is a KeyError",
        "$value = «getattr($estimator, $name)» if $value is not $defaults[$name]",
        "vars($estimator)[$name]",
        "robustness/test_corrupted_pickles.py"
        "::test_an_estimator_without_init_names_what_is_missing",
    ),
    Mutant(
        "a column index one past the last is accepted",
        "if indices.size and (indices.min() < 0 or indices.max() «>=» $n_columns)",
        ">",
        "data/test_corrupted_tables.py"
        "::test_a_corrupted_table_is_refused_by_every_method",
    ),
    Mutant(
        "a sparse y is not checked",
        '$check(X), «$check(y, "y")», accept_sparse=["csr", "csc"], multi_output=True',
        "y",
        "data/test_corrupted_tables.py::test_corrupted_labels_are_refused",
    ),
    Mutant(
        "the core takes any object for a list of arrays",
        "if «type($coefs) is not list or type($intercepts) is not list»: return False",
        "False",
        "estimators/test_edited_attributes.py"
        "::test_any_object_in_place_of_an_attribute_is_safe",
    ),
    Mutant(
        "sizes that overflow are not refused by the name of the parameter",
        'except «OverflowError» as $error: raise ValueError( f"hidden_layer_sizes=',
        "TypeError",
        "core/test_sizes.py::test_sizes_that_no_memory_holds_are_refused",
    ),
    Mutant(
        "lack of memory is a ValueError",
        "if status == PB_NO_MEMORY: raise «MemoryError»($message)",
        "ValueError",
        "core/test_sizes.py::test_a_lack_of_memory_is_an_exception",
    ),
    # ---- No silently wrong results
    Mutant(
        "numbers in other containers become float32",
        "return «(np.float64, np.float32)»",
        "(np.float32, np.float64)",
        "data/test_array_likes.py"
        "::test_numbers_of_any_kind_give_the_bits_of_a_plain_array",
    ),
    Mutant(
        "masked values count as numbers",
        "if «np.ma.is_masked($array)»:",
        "False",
        "data/test_array_likes.py::test_arrays_of_other_things_than_numbers_are_refused_by_name",
    ),
    Mutant(
        "column indices are not sorted",
        "$rows = $rows.copy() if $rows is X else $rows «$rows.sum_duplicates()»",
        "pass",
        "data/test_corrupted_tables.py::test_flags_of_a_sparse_table_are_not_trusted",
    ),
    Mutant(
        "weights of other types become float32",
        "if dtype not in (np.float32, np.float64): dtype = np.dtype(«np.float64»)",
        "np.float32",
        "estimators/test_edited_attributes.py"
        "::test_the_same_numbers_in_other_arrays_are_used",
    ),
    Mutant(
        "the number of rows of coefs_ is not checked",
        "W.ndim != 2 «or W.shape[0] != $sizes[-1]»",
        "",
        "estimators/test_edited_attributes.py::test_arrays_that_do_not_fit_are_named",
    ),
    Mutant(
        "classes_ that are not those of the fit are used",
        "if not («$classes is $labels.classes or np.array_equal($classes,"
        " $labels.classes)»): raise",
        "True",
        "estimators/test_edited_attributes.py"
        "::test_attributes_that_contradict_the_weights_are_named",
    ),
    Mutant(
        "no batch of an epoch is the last",
        "$step(*$waiting, «True»)",
        "False",
        "data/test_fit_batches.py::test_the_bits_of_a_fit_on_all_rows",
    ),
    Mutant(
        "strings among other labels are accepted",
        "if «$strings and $types != $strings»:",
        "False",
        "data/test_meaningless_input.py::test_values_that_are_not_labels_are_refused",
    ),
    Mutant(
        "weights are used with another activation than that of the fit",
        "if «$of_fit != $network.hidden_activations»:",
        "False",
        "data/test_meaningless_input.py::test_a_changed_activation_is_refused",
    ),
    Mutant(
        "partial_fit continues with another solver",
        "if «$optimizer.name != $params.solver»:",
        "False",
        "data/test_meaningless_input.py"
        "::test_continued_training_refuses_other_settings",
    ),
    Mutant(
        "a negative weight passes among others",
        "if «$smallest < 0»: raise ValueError",
        "False",
        "data/test_meaningless_input.py"
        "::test_a_score_refuses_the_weights_that_a_fit_refuses",
    ),
    Mutant(
        "intercepts are penalised",
        "= «$is_intercepts ? 0 :» $network->alphas[$layer - 1] * $scale",
        "",
        "network/test_properties.py::test_every_equation_holds_to_its_rounding",
    ),
    # ---- Inspection
    Mutant(
        "a network in float64 shares its parameters with the original",
        "np.asarray($a).astype(dtype«»)",
        ", copy=False",
        "inspection/test_formulations.py"
        "::test_the_network_and_the_data_are_left_as_they_were",
    ),
    Mutant(
        "the monitor's hook returns a value, which stops the fit",
        "$self._rows += list($run.rows(estimator))«»  # ---",
        "; return True",
        "inspection/test_layer_monitor.py"
        "::test_a_layer_monitor_changes_no_bit_of_the_fit",
    ),
    Mutant(
        "steps of plain gradient descent are twice as long",
        "CONSTANTS(h->momentum, «rate», h->nesterov)",
        "2 * rate",
        "network/test_network_step.py"
        "::test_the_gradients_of_a_trace_are_those_of_the_training_step",
    ),
    Mutant(
        "delta of a forward pass is a missing attribute like any other",
        '("dloss_da", «"delta",» "coef_grads", "intercept_grads", "loss")',
        "",
        "network/test_trace.py::test_a_forward_pass_has_no_gradients_and_reports_it",
    ),
    # ---- Extreme values
    Mutant(
        "outputs that are NaN decide for a class",
        "or «_core.all_finite(y_pred)»",
        "True",
        "robustness/test_extreme_values.py"
        "::test_outputs_without_a_decision_are_refused",
    ),
    Mutant(
        "the log-loss of a logistic output is computed from the probability",
        "VALUE_IN_Z(«v_logistic_loss(y, z)»)",
        "v_neg(v_add(v_xlogy(y, a),"
        " v_xlogy(v_sub(v_set1(1), y), v_sub(v_set1(1), a))))",
        "robustness/test_extreme_values.py"
        "::test_losses_and_gradients_of_saturated_outputs",
    ),
    Mutant(
        "subnormal numbers are flushed to zero",
        "fegetenv($saved); «fesetenv(FE_DFL_ENV);»",
        "fesetenv(FE_DFL_ENV);\n"
        "#ifdef __SSE__\n__builtin_ia32_ldmxcsr(0x9fc0);\n#endif\n",
        "robustness/test_extreme_values.py::test_subnormal_numbers_are_kept",
    ),
    Mutant(
        "rows of weight 0 are computed",
        "if (weight «!=» 0) { $rows = $row; $positions = $position;",
        ">=",
        "robustness/test_extreme_weights.py"
        "::test_a_row_of_weight_zero_acts_as_if_absent",
    ),
    Mutant(
        "weights are not scaled",
        "return «ldexp(1, $exponent < -1000 ? 1000 : -$exponent)»;",
        "1",
        "robustness/test_extreme_weights.py::test_weights_of_any_size_give_the_same_fit",
    ),
    Mutant(
        "squares of max_norm overflow",
        "$scale = «v_select(v_gt($norm, $largest), v_set1($small), $one)»; $norm =",
        "$one",
        "robustness/test_extreme_weights.py"
        "::test_weights_whose_squares_overflow_are_scaled_to_max_norm",
    ),
    Mutant(
        "squares of inputs that overflow are not reported",
        "if «not np.isfinite(mean_square).all()»: return",
        "False",
        "robustness/test_extreme_values.py"
        "::test_inputs_whose_squares_overflow_give_a_warning",
    ),
    Mutant(
        "initial weights are drawn for fan_in alone",
        'if record["init_by_fan_in"] else $fan_in + «$fan_out»',
        "$fan_in",
        "robustness/test_extreme_values.py"
        "::test_the_smallest_problems_fit_as_in_scikit_learn",
    ),
    Mutant(
        "the core rounds as its caller does",
        "fegetenv($saved); «fesetenv(FE_DFL_ENV);»",
        "feclearexcept(FE_ALL_EXCEPT);",
        "core/test_fp_environment.py::test_training_continues_in_another_rounding_mode",
    ),
    # ---- Threads and processes
    Mutant(
        "a pickled estimator lacks random_state",
        "for $name, $value in $attributes if $name not in $under_way«»",
        ' and $name != "random_state"',
        "robustness/test_processes.py::test_models_go_to_workers_and_back",
    ),
    Mutant(
        "a pickled estimator gets default parameters",
        ".keys() «- state.keys()»: state[$name] =",
        "",
        "distributed/test_search_on_dask.py"
        "::test_joblibs_back_end_changes_no_bit_of_a_search",
    ),
    Mutant(
        "a method sees the fit of another thread half way",
        "return $method(«$snapshot(self)», X)",
        "self",
        "robustness/test_thread_safety.py::test_a_call_sees_the_old_fit_or_the_new",
    ),
    Mutant(
        "copies of an optimizer share their states",
        "«$other.states = $self.states.copy()»",
        "pass",
        "robustness/test_thread_safety.py"
        "::test_training_in_two_threads_leaves_the_result_of_one",
    ),
    Mutant(
        "parameters that are set during a fit are lost",
        "self.__dict__ = vars($model) «| $set_since»",
        "",
        "robustness/test_thread_safety.py"
        "::test_parameters_set_during_a_fit_apply_to_the_next_fit",
    ),
    Mutant(
        "a prediction keeps the interpreter's lock",
        "«with nogil»: $status = pb_predict(",
        "if True",
        "robustness/test_thread_safety.py::test_long_work_releases_the_gil",
    ),
    # ---- Ctrl-C and signals
    Mutant(
        "the thread that reads batches is not told that the fit has ended",
        "= True «$tokens.put(None)» if",
        "pass",
        "data/test_read_ahead.py::test_a_fit_from_batches_can_be_interrupted",
    ),
    Mutant(
        "any interruption is a KeyboardInterrupt",
        "raise «exception» return check(",
        "KeyboardInterrupt",
        "robustness/test_signals.py::test_a_fit_can_be_interrupted",
    ),
    Mutant(
        "a prediction that was interrupted raises a ValueError",
        "«raise exception» return check(",
        "return check(status)",
        "robustness/test_signals.py::test_a_large_prediction_can_be_interrupted",
    ),
    Mutant(
        "an estimator gets new weights before the rest of the fit",
        "self.__dict__ = «vars($model) | $set_since»",
        "[vars(self).update(coefs_=$model.coefs_),\nvars($model) | $set_since][1]",
        "robustness/test_signals.py"
        "::test_an_interruption_at_any_line_leaves_a_whole_model",
    ),
    Mutant(
        "an exception of a handler loses its arguments",
        "raise «exception» return check(",
        "type(exception)",
        "robustness/test_signals.py::test_handlers_run_during_long_work",
    ),
    # ---- Memory
    Mutant(
        "an epoch without shuffling has an order of all rows",
        "if not shuffle: while True: yield «None»",
        "np.arange(n_samples, dtype=np.int64)",
        "data/test_larger_than_memory.py::test_memory_of_a_fit_per_row",
    ),
    Mutant(
        "the order of all blocks is in memory at once",
        "size = «max(1, $rows // self.batch_size) * self.batch_size»",
        "self.n_samples",
        "data/test_larger_than_memory.py::test_a_table_many_times_the_limit_is_fitted",
    ),
    Mutant(
        "a network of the core is not freed",
        "__dealloc__(self): «pb_network_free($network)»",
        "pass",
        "robustness/test_leaks.py::test_nothing_leaks",
    ),
    Mutant(
        "an optimizer refers to itself",
        "self.n_steps = 0«» self.n_epochs = 0",
        "; self.owner = self",
        "robustness/test_leaks.py::test_no_call_leaves_a_reference_cycle",
    ),
    Mutant(
        "an optimizer keeps the data of its last batch",
        "self.batch_size = batch_size«» self.buffers = (X, y,",
        "; self.solver.optimizer.rows = X",
        "robustness/test_leaks.py::test_the_data_is_not_kept",
    ),
    Mutant(
        "what predicts few rows refers to itself",
        "self.memory = «$hold(self.$parameters)»",
        "(self, $hold(self.$parameters))",
        "robustness/test_leaks.py::test_an_estimator_is_freed_at_once",
    ),
    Mutant(
        "labels are encoded by a comparison with every class",
        "= «np.searchsorted($classes, y[$rows])»",
        "(y[$rows][:, None] == $classes).argmax(axis=1)",
        "robustness/test_memory.py::test_classes_are_codes",
    ),
    Mutant(
        "indicators are numbers of 8 bytes on their way",
        "(np.asarray(y«») != 0).view(np.uint8)",
        ", float",
        "robustness/test_memory.py::test_labels_are_bytes",
    ),
    Mutant(
        "a prediction copies its table to wider numbers",
        "self.buffers = $hold(«values») else:",
        "np.asarray(values, np.longdouble)",
        "robustness/test_memory.py::test_predictions_need_constant_memory",
    ),
    Mutant(
        "the diagnosis makes rows of a sparse matrix dense",
        "X = «X.astype(np.float64)» $mean = np.asarray(X.mean(axis=0)).ravel()",
        "type(X)(X.toarray())",
        "robustness/test_memory.py::test_sparse_tables_stay_sparse",
    ),
    Mutant(
        "a fit copies its table",
        "self.buffers = $hold(«values») else:",
        "values.copy()",
        "robustness/test_memory.py::test_a_table_is_not_copied",
    ),
    Mutant(
        "an optimizer keeps two vectors more than its states",
        "self.states = np.zeros(($n_states, $n_parameters), dtype=dtype)«»",
        "; self.more = np.ones(2 * $n_parameters)",
        "robustness/test_memory.py::test_a_fit_needs_what_the_formula_says",
    ),
    Mutant(
        "six more batches are read ahead",
        "for _ in range($n_items«»): $tokens.put(None)",
        " + 6",
        "data/test_read_ahead.py::test_few_batches_are_in_memory",
    ),
    # ---- Files
    Mutant(
        "a file lacks the number of samples seen",
        "for $name, value in $attributes if $name not in $under_way«»",
        ' and $name != "t_"',
        "estimators/test_files.py::test_a_saved_model_is_the_same_model",
    ),
    Mutant(
        "continued training writes to the states that were loaded",
        "«$optimizer = $optimizer.copy()» $optimizer.states =",
        "pass",
        "estimators/test_files.py::test_a_mapped_file_is_read_and_never_written",
    ),
    Mutant(
        "a file holds objects of the package",
        "$state[$name] = «dict(vars($state[$name]))»",
        "$state[$name]",
        "estimators/test_files.py::test_skops_must_trust_one_class",
    ),
    Mutant(
        "the rows of the validation set are saved, not their checksum",
        ".validation = «checksum»",
        "arrays",
        "estimators/test_files.py::test_no_training_data_is_inside",
    ),
    Mutant(
        "unknown formats are read as the present one",
        "if $found not in range(1, FORMAT + «1»):",
        "9",
        "estimators/test_files.py::test_an_unknown_format_is_refused",
    ),
    Mutant(
        "a coefficient of exp is off in its ninth digit",
        "v_set1(REAL(1.0 / «720.0»))",
        "720.00001",
        "estimators/test_files.py::test_the_files_of_each_version_load_and_continue_training",
    ),
    # ---- Security
    Mutant(
        "an exported C file does not include math.h",
        "«#include <math.h>» void %_predict(const double *x, double *y);",
        "",
        "export/test_export_c.py::test_an_exported_file_compiles_in_newer_c_standards",
    ),
    Mutant(
        "text from a file is evaluated",
        '= «getattr(np.random, $name["bit_generator"])»',
        'eval("np.random." + $name["bit_generator"])',
        "robustness/test_security.py::test_no_data_is_executed_as_code",
    ),
    Mutant(
        "a process is started to count the processors",
        "return «joblib.cpu_count()»",
        '__import__("subprocess").run("true") and joblib.cpu_count()',
        "robustness/test_security.py::test_nothing_is_written_or_started",
    ),
    Mutant(
        "labels are not escaped in a comment",
        '= «$text.encode("unicode_escape").decode()»',
        "$text",
        "robustness/test_security.py::test_hostile_labels_stay_in_the_comment",
    ),
    Mutant(
        "an ONNX file needs operators of pybackprop",
        'helper.make_opsetid("«»", OPSET)',
        "pybackprop",
        "robustness/test_security.py::test_an_onnx_file_needs_no_other_file",
    ),
)
