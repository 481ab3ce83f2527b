"""Estimator → graph: one table, from the exact class of an estimator to the function that converts it.

A subclass is not in the table: it may have changed anything. Estimators without a converter of ours
go to skl2onnx (``stock``). Every converter has the same shape:

    convert(estimator, features, scope) -> {method: tensor}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn import (
    compose,
    ensemble,
    feature_extraction,
    frozen,
    impute,
    linear_model,
    model_selection,
    pipeline,
    preprocessing,
    tree,
)

from skerry.export.converters import (
    composition,
    encoding,
    forest,
    gradient_boosting,
    hist_gradient_boosting,
    imputation,
    linear,
    scaling,
    text,
)
from skerry.export.converters.scope import Scope
from skerry.export.converters.stock import stock
from skerry.export.graph import Features, Outputs, Trace

Converter = Callable[[Any, Features, Scope], Outputs]

CONVERTERS: dict[type, Converter] = {
    pipeline.Pipeline: composition.pipeline,
    pipeline.FeatureUnion: composition.feature_union,
    compose.ColumnTransformer: composition.column_transformer,
    model_selection.GridSearchCV: composition.best_estimator,
    model_selection.RandomizedSearchCV: composition.best_estimator,
    frozen.FrozenEstimator: composition.frozen,
    preprocessing.FunctionTransformer: composition.function_transformer,
    preprocessing.StandardScaler: scaling.standard_scaler,
    preprocessing.MinMaxScaler: scaling.min_max_scaler,
    preprocessing.MaxAbsScaler: scaling.max_abs_scaler,
    preprocessing.RobustScaler: scaling.robust_scaler,
    preprocessing.OneHotEncoder: encoding.one_hot_encoder,
    preprocessing.OrdinalEncoder: encoding.ordinal_encoder,
    feature_extraction.text.CountVectorizer: text.count_vectorizer,
    feature_extraction.text.TfidfVectorizer: text.tfidf_vectorizer,
    feature_extraction.text.TfidfTransformer: text.tfidf_transformer,
    impute.SimpleImputer: imputation.simple_imputer,
    linear_model.LogisticRegression: linear.logistic_regression,
    linear_model.LogisticRegressionCV: linear.logistic_regression,
    linear_model.RidgeClassifier: linear.linear_classifier,
    linear_model.LinearRegression: linear.linear_regressor,
    linear_model.Ridge: linear.linear_regressor,
    linear_model.Lasso: linear.linear_regressor,
    linear_model.ElasticNet: linear.linear_regressor,
    tree.DecisionTreeClassifier: forest.forest_classifier,
    tree.DecisionTreeRegressor: forest.forest_regressor,
    tree.ExtraTreeClassifier: forest.forest_classifier,
    tree.ExtraTreeRegressor: forest.forest_regressor,
    ensemble.RandomForestClassifier: forest.forest_classifier,
    ensemble.RandomForestRegressor: forest.forest_regressor,
    ensemble.ExtraTreesClassifier: forest.forest_classifier,
    ensemble.ExtraTreesRegressor: forest.forest_regressor,
    ensemble.GradientBoostingClassifier: gradient_boosting.gradient_boosting_classifier,
    ensemble.GradientBoostingRegressor: gradient_boosting.gradient_boosting_regressor,
    ensemble.HistGradientBoostingClassifier: hist_gradient_boosting.hist_gradient_boosting_classifier,
    ensemble.HistGradientBoostingRegressor: hist_gradient_boosting.hist_gradient_boosting_regressor,
}


def convert(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Convert a fitted estimator that is fed with ``features``.

    Raises:
        UnsupportedEstimator: it, or one of its settings, has no exact conversion.
    """
    outputs = _converter(estimator, scope)(estimator, features, scope)
    scope.graph.traces.append(Trace(scope.where(estimator), estimator, scope.rows, outputs))
    return outputs


def _converter(estimator: Any, scope: Scope) -> Converter:
    kind = type(estimator)
    if kind in CONVERTERS:
        return CONVERTERS[kind]
    if kind.__module__.partition(".")[0] != "sklearn":
        raise scope.refuse(
            estimator,
            f"class {kind.__module__}.{kind.__qualname__} is not one of scikit-learn's, so nothing is known of what it computes",
        )
    return stock


__all__ = ["CONVERTERS", "Converter", "Scope", "convert"]
