"""What the tests ask of a student's optimizers: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import copy
import tracemalloc

import numpy as np
from tinytorch.core import optimizers as module
from tinytorch.core.tensor import Tensor


def _parameters(starts):
    return [Tensor(start, requires_grad=True) for start in starts]


def _give(params, gradients):
    for p, g in zip(params, gradients, strict=True):
        p.grad = None if g is None else g.copy()


def _copies(params):
    return [p.data.copy() for p in params]


# ---- Memory


def flattened(arrays):
    flat, views = module.flatten(arrays)
    return [flat, views]


def written_through(arrays, into_flat, into_views):
    flat, views = module.flatten(arrays)
    flat[...] = into_flat
    seen = [view.copy() for view in views]
    for view, values in zip(views, into_views, strict=True):
        view[...] = values
    return [seen, flat]


def started(flat, start):
    return module.start_state(flat, start)


def started_and_written(flat, start, name, value):
    state = module.start_state(flat, start)
    state[name][...] = value
    return [state, flat]


def gradients_read(starts, gradients):
    params = _parameters(starts)
    as_arrays, as_tensors = [], []
    for p, g in zip(params, gradients, strict=True):
        p.grad = g
        as_arrays.append(module.gradient_of(p))
        p.grad = None if g is None else Tensor(g)
        as_tensors.append(module.gradient_of(p))
    return [as_arrays, as_tensors]


def gradient_written(start, gradient, value):
    (p,) = _parameters([start])
    p.grad = gradient.copy()
    module.gradient_of(p)[...] = value
    return p.grad


def data_replaced(starts, replacement, gradients, lr):
    params = _parameters(starts)
    optimizer = module.SGD(params, lr=lr)
    params[1].data = replacement.copy()
    for _ in range(2):
        _give(params, gradients)
        optimizer.step()
    return _copies(params)


# ---- Every optimizer


def trained(name, starts, gradients, **options):
    """The parameters after each step; `gradients` has one list a step, None where a parameter has no gradient."""
    params = _parameters(starts)
    optimizer = getattr(module, name)(params, **options)
    path = []
    for step in gradients:
        _give(params, step)
        optimizer.step()
        path.append(_copies(params))
    return path


def trained_in_float64(name, starts, gradients, **options):
    params = [Tensor(start, requires_grad=True, dtype="float64") for start in starts]
    optimizer = getattr(module, name)(params, **options)
    for step in gradients:
        _give(params, step)
        optimizer.step()
    return _copies(params)


def constructed(name, starts, **options):
    optimizer = getattr(module, name)(_parameters(starts), **options)
    return [len(optimizer.params), optimizer.lr]


def same_array(start, gradient, lr):
    (p,) = _parameters([start])
    optimizer = module.SGD([p], lr=lr)
    held = p.data
    p.grad = gradient.copy()
    optimizer.step()
    return [held, p.data]


def cleared(starts, gradients, **how):
    params = _parameters(starts)
    optimizer = module.SGD(params, lr=0.1)
    _give(params, gradients)
    held = [p.grad for p in params]
    optimizer.zero_grad(**how)
    return [[p.grad for p in params], held]


def cleared_tensor(start, gradient):
    (p,) = _parameters([start])
    optimizer = module.SGD([p], lr=0.1)
    p.grad = Tensor(gradient)
    optimizer.zero_grad(set_to_none=False)
    return p.grad.data


def counted(sizes, steps):
    params = _parameters([np.ones(size, "float32") for size in sizes])
    optimizer = module.SGD([{"params": params[:1]}, {"params": params[1:]}], lr=0.1)
    for _ in range(steps):
        _give(params, [p.data for p in params])
        optimizer.step()
    return optimizer.step_count


def two_groups(starts, gradients, rates, later):
    params = _parameters(starts)
    optimizer = module.SGD([{"params": [params[0]], "lr": rates[0]}, {"params": params[1:]}], lr=rates[1])
    _give(params, gradients)
    optimizer.step()
    first = _copies(params)
    optimizer.param_groups[1]["lr"] = later
    _give(params, gradients)
    optimizer.step()
    return [first, _copies(params)]


def bound_later(name, starts, gradients, lr, changed):
    params = _parameters(starts)
    optimizer = getattr(module, name)(lr=lr)
    optimizer.lr = changed
    optimizer.bind(params)
    _give(params, gradients)
    optimizer.step()
    return [_copies(params), optimizer.lr]


def frozen(start):
    return constructed_of([Tensor(start, requires_grad=True), Tensor(start)])


def twice(start, in_another_group):
    (p,) = _parameters([start])
    return constructed_of([{"params": [p]}, {"params": [p]}] if in_another_group else [p, p])


def result_of_an_op(start):
    t = Tensor(start, requires_grad=True)
    return constructed_of([t * 2])


def no_tensors(values):
    return constructed_of(values)


def constructed_of(params):
    return len(module.SGD(params, lr=0.1).params)


def gradients_after(name, starts, gradients, **options):
    params = _parameters(starts)
    optimizer = getattr(module, name)(params, **options)
    for p, g in zip(params, gradients, strict=True):
        p.grad = g
    for _ in range(2):
        optimizer.step()
    return [p.grad for p in params]


def strided_gradient(start, gradient, lr):
    (p,) = _parameters([start])
    optimizer = module.SGD([p], lr=lr)
    p.grad = np.asfortranarray(gradient)
    optimizer.step()
    return p.data


def memory_of_steps(name, size, steps, **options):
    """Bytes that were in use at most, beyond those before, over steps 3 to 2 + `steps`, and the parameters after."""
    params = _parameters([np.linspace(-1, 1, size), np.linspace(0, 1, 40)])
    gradients = [np.linspace(1, 2, size, dtype="float32"), np.linspace(-1, 1, 40, dtype="float32")]
    optimizer = getattr(module, name)(params, **options)
    for p, g in zip(params, gradients, strict=True):
        p.grad = g
    optimizer.step()
    optimizer.step()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for _ in range(steps):
        optimizer.step()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return [peak, params[1].data]


# ---- State


def moments(starts, gradients, **options):
    params = _parameters(starts)
    optimizer = module.Adam(params, **options)
    for step in gradients:
        _give(params, step)
        optimizer.step()
    saved = optimizer.state_dict()["state"]
    return [[saved[k][name] for k in range(len(params))] for name in ("exp_avg", "exp_avg_sq")]


def after_a_long_silence(start, gradient, alive, steps):
    """Adam's mean gradient, after one step with `gradient` and `steps` more with `gradient * alive`."""
    (p,) = _parameters([start])
    optimizer = module.Adam([p])
    p.grad = gradient
    optimizer.step()
    p.grad = gradient * alive
    for _ in range(steps):
        optimizer.step()
    return optimizer.state_dict()["state"][0]["exp_avg"]


def saved(name, starts, gradients, **options):
    params = _parameters(starts)
    optimizer = getattr(module, name)(params, **options)
    for step in gradients:
        _give(params, step)
        optimizer.step()
    got = optimizer.state_dict()
    return {**got, "state": {str(k): entry for k, entry in got["state"].items()}}


def saved_then_stepped(starts, first, second, **options):
    params = _parameters(starts)
    optimizer = module.Adam(params, **options)
    _give(params, first)
    optimizer.step()
    early = optimizer.state_dict()["state"][0]
    before = early["exp_avg"].copy()
    _give(params, second)
    optimizer.step()
    return [before, early["exp_avg"]]


def stopped_and_resumed(name, starts, gradients, stop, **options):
    """The parameters of a run in one piece, and of one that was stopped and taken up by new tensors."""
    whole = trained(name, starts, gradients, **options)[-1]
    params = _parameters(starts)
    optimizer = getattr(module, name)(params, **options)
    for step in gradients[:stop]:
        _give(params, step)
        optimizer.step()
    state, weights = optimizer.state_dict(), _copies(params)
    params = _parameters(weights)
    optimizer = getattr(module, name)(params)
    optimizer.load_state_dict(state)
    for step in gradients[stop:]:
        _give(params, step)
        optimizer.step()
    return [whole, _copies(params), optimizer.step_count]


def started_over(starts, used, gradients):
    """A used Adam that loads the state of a fresh one, then steps."""
    params = _parameters(starts)
    fresh = module.Adam(_parameters(starts), lr=0.01).state_dict()
    optimizer = module.Adam(params, lr=0.01)
    _give(params, used)
    optimizer.step()
    for p, start in zip(params, starts, strict=True):
        p.data[...] = start
    optimizer.load_state_dict(fresh)
    _give(params, gradients)
    optimizer.step()
    return [_copies(params), optimizer.step_count]


def loaded_into_others(starts, others):
    params = _parameters(starts)
    optimizer = module.Adam(params, lr=0.5)
    _give(params, starts)
    optimizer.step()
    other = module.Adam(_parameters(others), lr=0.25)
    other.load_state_dict(optimizer.state_dict())
    return [other.lr, other.step_count]


def copied_deeply(start, gradient):
    (p,) = _parameters([start])
    optimizer = module.Adam([p], lr=0.1)
    p.grad = gradient.copy()
    optimizer.step()
    twin_p, twin = copy.deepcopy([p, optimizer])
    twin_p.grad = gradient.copy()
    twin.step()
    return [p.data, twin_p.data]


# ---- Schedulers


def _scheduled(name, rates, options, optimizer_name="SGD"):
    groups = [{"params": _parameters([np.ones(2)]), "lr": rate} for rate in rates]
    optimizer = getattr(module, optimizer_name)(groups)
    return optimizer, getattr(module, name)(optimizer, **options)


def learning_rates(name, rates, steps, **options):
    """The learning rate of every group before the first step of the scheduler and after each of `steps`."""
    optimizer, scheduler = _scheduled(name, rates, options)
    seen = [[group["lr"] for group in optimizer.param_groups]]
    for _ in range(steps):
        scheduler.step()
        seen.append(scheduler.get_last_lr())
    return seen


def drawn(name, base, epochs, **options):
    _, scheduler = _scheduled(name, [base], options)
    return [scheduler.lr_at(epoch, base) for epoch in epochs]


def warmed_up(rate, warmup_steps, T_max, steps):
    optimizer, after = _scheduled("CosineAnnealingLR", [rate], {"T_max": T_max})
    scheduler = module.LinearWarmup(optimizer, warmup_steps, after=after)
    seen = [optimizer.lr]
    for _ in range(steps):
        scheduler.step()
        seen.append(optimizer.lr)
    return seen


def momenta(optimizer_name, steps, **options):
    optimizer, scheduler = _scheduled("OneCycleLR", [0.1], options, optimizer_name)
    seen = []
    for k in range(steps):
        group = optimizer.param_groups[0]
        seen.append(group["betas"][0] if "betas" in group else group["momentum"])
        if k < steps - 1:
            scheduler.step()
    return seen


def schedule_resumed(name, rate, stop, steps, **options):
    optimizer, scheduler = _scheduled(name, [rate], options)
    for _ in range(stop):
        scheduler.step()
    state, last = scheduler.state_dict(), optimizer.state_dict()
    optimizer, scheduler = _scheduled(name, [rate / 7], options)
    optimizer.load_state_dict(last)
    scheduler.load_state_dict(state)
    seen = [optimizer.lr]
    for _ in range(steps):
        scheduler.step()
        seen.append(optimizer.lr)
    return seen


def lr_of_a_step(start, gradient, rate, gamma, steps):
    (p,) = _parameters([start])
    optimizer = module.SGD([p], lr=rate)
    scheduler = module.ExponentialLR(optimizer, gamma=gamma)
    for _ in range(steps):
        p.grad = gradient.copy()
        optimizer.step()
        scheduler.step()
    return p.data
