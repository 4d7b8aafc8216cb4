//! Gradients of a module's parameters, which only training has.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Gradients, Tensor};

/// Shows every gradient of a module, without autodiff; where `each` returns one, it takes the place of the old one.
pub fn gradients(
    module: &impl Module,
    gradients: &mut Gradients,
    each: impl FnMut(ParamId, Tensor<1>) -> Option<Tensor<1>>,
) {
    module.visit(&mut EachGradient { gradients, each });
}

struct EachGradient<'a, F> {
    gradients: &'a mut Gradients,
    each: F,
}

impl<F: FnMut(ParamId, Tensor<1>) -> Option<Tensor<1>>> ModuleVisitor for EachGradient<'_, F> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weight = param.val();
        let Some(gradient) = weight.grad(self.gradients) else { return };
        let shape = gradient.dims();
        if let Some(other) = (self.each)(param.id, gradient.flatten(0, D - 1)) {
            weight.grad_replace(self.gradients, other.reshape(shape));
        }
    }
}
